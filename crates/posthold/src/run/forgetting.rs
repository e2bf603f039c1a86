//! What the state remembers of messages that are erased: addresses on them that belong to nobody,
//! with an example each.
//!
//! Rules: it is forgotten before the log loses the details that say what there is to forget; then
//! whatever is killed in between can be done again.

use std::collections::BTreeSet;

use commands::Failure;
use ledger::{Detail, MessageDetail, PlacementDetail};
use store::Store;
use types::MessageKey;

use super::{faults, sorting, users};
use crate::context::DataDir;

/// Bytes of entries that are read to find one.
const ENTRY_BYTES: usize = 1;

/// Words by which the state may remember messages.
#[derive(Default)]
struct Words {
    addresses: BTreeSet<String>,
    subjects: BTreeSet<String>,
}

/// Forgets what the state knows of the messages of `store` that are erased and not out of the
/// files yet. Blocks.
pub(super) fn forget(data: &DataDir, store: &Store) -> Result<(), Failure> {
    let mut words = Words::default();
    for message in store.not_clear().map_err(|it| faults::store(&it))? {
        words.take(store, message)?;
    }
    let mut state = users::open(data)?;
    let forgot = state.forget_erased(&words.addresses, &words.subjects);
    forgot.and_then(|()| state.rid_of_deleted()).map_err(|it| faults::state(&it))
}

impl Words {
    fn take(&mut self, store: &Store, MessageKey(number): MessageKey) -> Result<(), Failure> {
        let run = store.log().entries(number, ENTRY_BYTES).map_err(|it| faults::log(&it))?;
        let Some((_, Some(Detail::Placed(how, message)))) = run.items.into_iter().next() else {
            return Ok(());
        };
        let PlacementDetail { envelope, .. } = how;
        let mut addresses = [envelope.senders, envelope.recipients].concat();
        if let Some(message) = message {
            let MessageDetail { from, to, cc, bcc, subject, .. } = *message;
            addresses.extend([from, to, cc, bcc].into_iter().flatten().map(|it| it.addr));
            self.subjects.insert(archiver::subject_in_example(&subject));
        }
        self.addresses.extend(addresses.iter().map(|it| sorting::key(it)));
        Ok(())
    }
}
