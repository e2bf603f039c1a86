//! Gmail and Google Workspace.

use super::{Access, Hint, HintPlace, Host, IMAPS, Preset, Special, hint};

pub(super) static PRESET: Preset = Preset {
    name: "gmail",
    title: "Gmail",
    other_names: &["google", "google-workspace"],
    host: Host::Fixed("imap.gmail.com"),
    // Nothing else is offered for IMAP.
    endpoints: &[IMAPS],
    access: Access::OwnPasswords,
    // Other folders have translated names and are found by their marks (RFC 6154).
    folders: &[("[Gmail]/Sent Mail", Special::Sent)],
    // A view of messages that are in other labels.
    excluded: &["[Gmail]/Important", "[Gmail]/Starred"],
    hints: HINTS,
    source: "Google's help on IMAP, bandwidth limits and app passwords",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Setup,
        "A password of the account does not work. Turn on two-step verification and make an app \
            password, which Workspace administrators have to allow.",
    ),
    hint(
        HintPlace::Setup,
        "Folders are labels: a message with three labels is in three folders, and in All Mail. It \
            is stored once. All Mail has to be shown in IMAP, or messages without a label are \
            not seen; folder size limits in the settings hide messages, too.",
    ),
    hint(
        HintPlace::Setup,
        "Google limits what is downloaded per account and day to about 2,500 MB. A first run may \
            take days; give the server profile a byte budget below that.",
    ),
    hint(
        HintPlace::Removal,
        "Removing a message from a label may only take the label away. The settings for \
            forwarding and IMAP say what becomes of it.",
    ),
];
