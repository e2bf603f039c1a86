//! What a query means, evaluated directly on messages, without an index.

use query::{Node, Pattern, TextField, TimeField, Words};
use query::{whole_address, whole_domain, whole_file_name, words};
use search::Resolved;
use types::Address;

use crate::library::Letter;

pub(crate) fn finds(node: &Node, letter: &Letter, n: u32, resolved: &Resolved) -> bool {
    let message = &letter.message;
    match node {
        Node::All => true,
        Node::And(nodes) => nodes.iter().all(|it| finds(it, letter, n, resolved)),
        Node::Or(nodes) => nodes.iter().any(|it| finds(it, letter, n, resolved)),
        Node::Not(node) => !finds(node, letter, n, resolved),
        Node::Words(words) => has_words(words, letter),
        Node::Time(TimeField::Date, span) => span.contains(letter.date),
        Node::Time(TimeField::Archived, span) => span.contains(letter.archived),
        Node::Larger(size) => *size < letter.size,
        Node::Smaller(size) => letter.size < *size,
        Node::HasAttachment => message.parts.iter().any(|it| it.attachment),
        Node::MessageIdHeader(id) => {
            let plain = |id: &str| id.trim_matches(['<', '>']).to_lowercase();
            plain(id) == plain(&message.message_id_header)
        }
        Node::Catalog(term) => resolved[term].contains(n),
    }
}

fn has_words(asked: &Words, letter: &Letter) -> bool {
    let message = &letter.message;
    let text = |text: &str| has_phrase(&asked.phrase, text);
    let address = |list: &[Address]| list.iter().any(|it| has_address(asked, it));
    let file_name = || message.parts.iter().any(|it| has_file_name(asked, &it.name));
    match asked.field {
        TextField::Subject => text(&message.subject),
        TextField::Body => text(&message.text),
        TextField::From => address(&message.from),
        TextField::To => address(&message.to),
        TextField::Cc => address(&message.cc) || address(&message.bcc),
        TextField::FileName | TextField::Attachment => file_name(),
        TextField::Any => {
            let lists = [&message.from, &message.to, &message.cc, &message.bcc];
            text(&message.subject)
                || text(&message.text)
                || lists.into_iter().any(|it| address(it))
                || file_name()
        }
    }
}

fn has_phrase(phrase: &[Pattern], text: &str) -> bool {
    let fits = |place: &[String]| place.iter().zip(phrase).all(|(word, it)| it.matches(word));
    !phrase.is_empty() && words(text).windows(phrase.len()).any(fits)
}

fn has_address(asked: &Words, address: &Address) -> bool {
    let Some(pattern) = &asked.address else {
        return has_phrase(&asked.phrase, &format!("{} {}", address.name, address.addr));
    };
    let forms = [whole_address(&address.addr), whole_domain(&address.addr)];
    forms.into_iter().flatten().any(|it| pattern.matches(&it))
}

fn has_file_name(asked: &Words, name: &str) -> bool {
    let whole = || Some(asked.file_name.as_ref()?.matches(&whole_file_name(name)?));
    has_phrase(&asked.phrase, name) || whole().unwrap_or(false)
}
