//! Which messages a run wants: the filter, asked with what a source tells before it is fetched.

use ports::FactsItem;
use rules::Scope;
use rules::filter::{Answer, Facts, Filter, HeaderFacts};
use types::{Hash, Timestamp};

/// Names what a run archives: cursors that were told for something else prove nothing here.
pub(crate) fn fingerprint(scope: &Scope, filter: &Filter) -> Hash {
    if filter.is_empty() {
        return scope.fingerprint();
    }
    let both = [scope.fingerprint().0, filter.fingerprint().0].concat();
    Hash::of(&both)
}

/// Whether a filter leaves a message out.
pub(crate) fn leaves_out(filter: &Filter, item: &FactsItem, now: Timestamp) -> bool {
    let FactsItem { flags, size, received, .. } = *item;
    let mut facts = Facts { flags, size, received, header: None };
    let Some(block) = &item.header else {
        return filter.decide(&facts, now) == Answer::No;
    };
    let (parsed, _) = message::parse(block);
    let copies = [parsed.cc.as_slice(), &parsed.bcc].concat();
    facts.header = Some(HeaderFacts {
        date: parsed.date,
        from: &parsed.from,
        to: &parsed.to,
        copies: &copies,
        subject: &parsed.subject,
    });
    filter.decide(&facts, now) == Answer::No
}
