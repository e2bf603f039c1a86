//! Zarafa and its successor Kopano.

use super::{
    ALL, Access, DRAFTS, Hint, HintPlace, Host, JUNK, OUTBOX, Preset, Special, TRASH, hint,
};

pub(super) static PRESET: Preset = Preset {
    name: "kopano",
    title: "Zarafa/Kopano",
    other_names: &["zarafa", "zarafa-kopano"],
    host: Host::Like("mail.^0"),
    endpoints: ALL,
    access: Access::OwnPasswords,
    folders: &[
        ("Sent Items", Special::Sent),
        ("Deleted Items", TRASH),
        ("Junk E-mail", JUNK),
        ("Drafts", DRAFTS),
        ("Outbox", OUTBOX),
        ("Public folders", Special::Public),
    ],
    excluded: &[],
    hints: HINTS,
    source: "Kopano's documentation: kopano-gateway and its configuration",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Setup,
        "The gateway serves IMAP and POP3 only to users who have that feature; it is off for new \
            users unless the server's settings say otherwise.",
    ),
    hint(
        HintPlace::Setup,
        "The gateway makes messages from its database. Only messages that were stored with their \
            original (imap_store_rfc822) come as they once arrived; others are made anew.",
    ),
    hint(
        HintPlace::Setup,
        "Names of folders are in the language of the user. What is Deleted Items is found by its \
            mark, or by its name in more than twenty languages.",
    ),
    hint(
        HintPlace::Public,
        "Public folders are seen in every mailbox when the gateway shows them. Exclude them by \
            name, or archive them once by a job of their own.",
    ),
];
