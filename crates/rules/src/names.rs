//! What Trash, Junk, Drafts and Outbox are called where the server does not say.
//!
//! The names are those that clients, groupware and providers create, by language. They are
//! folded before they are compared. Left out are words that people use for folders of their
//! own, and singulars that no system creates.
//!
//! Some names for an outbox are names for sent mail elsewhere: they count only in an account
//! that has a folder for sent mail beside them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::fold::fold;
use crate::scope::DefaultFolder::{self, Drafts, Junk, Outbox, Trash};

/// Top levels below which servers put an account's own folders beside `INBOX`, folded.
const CONTAINERS: [&str; 2] = ["[gmail]", "[google mail]"];

/// What a name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    /// It names this folder.
    Is(DefaultFolder),
    /// It names an outbox, if there is another folder for sent mail.
    OutboxOrSent,
}

static BY_NAME: LazyLock<HashMap<String, Meaning>> = LazyLock::new(|| {
    let sure = NAMES
        .iter()
        .flat_map(|(_, folder, names)| names.iter().map(|name| (fold(name), Meaning::Is(*folder))));
    let unsure = OUTBOX_OR_SENT.iter().map(|name| (fold(name), Meaning::OutboxOrSent));
    sure.chain(unsure).collect()
});

/// What a folder of this name is, by the tables.
pub(crate) fn meaning(name: &str) -> Option<Meaning> {
    BY_NAME.get(&fold(name)).copied()
}

/// Whether this is a name for sent mail, in a language where the outbox may be meant by it too.
pub(crate) fn is_sent(name: &str) -> bool {
    let name = fold(name);
    SENT.iter().any(|it| fold(it) == name)
}

/// Whether an account's own folders may stand below a folder of this name.
pub(crate) fn is_container(name: &str) -> bool {
    let name = fold(name);
    name == "inbox" || CONTAINERS.contains(&name.as_str())
}

const NAMES: &[(&str, DefaultFolder, &[&str])] = &[
    ("en", Trash, &["Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin", "Recycle Bin"]),
    (
        "en",
        Junk,
        &["Junk", "Junk E-mail", "Junk Email", "Junk-E-mail", "Junk Mail", "Spam", "Bulk Mail"],
    ),
    ("en", Drafts, &["Drafts", "Draft"]),
    ("en", Outbox, &["Outbox", "Unsent Messages"]),
    (
        "de",
        Trash,
        &[
            "Papierkorb",
            "Gelöschte Elemente",
            "Gelöschte Objekte",
            "Gelöschte Nachrichten",
            "Gelöschte E-Mails",
            "Gelöscht",
        ],
    ),
    ("de", Junk, &["Junk-E-Mail", "Spamverdacht", "Unerwünscht", "Unerwünschte Werbung"]),
    ("de", Drafts, &["Entwürfe"]),
    ("de", Outbox, &["Postausgang"]),
    ("fr", Trash, &["Corbeille", "Éléments supprimés", "Messages supprimés", "Supprimés"]),
    (
        "fr",
        Junk,
        &["Courrier indésirable", "Courriel indésirable", "Indésirables", "Pourriel", "Pourriels"],
    ),
    ("fr", Drafts, &["Brouillons"]),
    ("fr", Outbox, &["Boîte d'envoi"]),
    ("es", Trash, &["Papelera", "Elementos eliminados", "Mensajes eliminados", "Eliminados"]),
    (
        "es",
        Junk,
        &["Correo no deseado", "Correo electrónico no deseado", "No deseado", "Correo basura"],
    ),
    ("es", Drafts, &["Borradores"]),
    ("es", Outbox, &["Bandeja de salida"]),
    (
        "it",
        Trash,
        &["Cestino", "Posta eliminata", "Elementi eliminati", "Messaggi eliminati", "Eliminati"],
    ),
    ("it", Junk, &["Posta indesiderata", "Indesiderata"]),
    ("it", Drafts, &["Bozze"]),
    ("it", Outbox, &["Posta in uscita"]),
    (
        "pt",
        Trash,
        &[
            "Lixeira",
            "Lixo",
            "Itens Excluídos",
            "Itens Eliminados",
            "Mensagens excluídas",
            "Mensagens eliminadas",
            "Excluídos",
        ],
    ),
    (
        "pt",
        Junk,
        &[
            "Lixo Eletrônico",
            "Lixo Eletrónico",
            "Lixo Electrónico",
            "E-mail de Lixo",
            "Email de Lixo",
        ],
    ),
    ("pt", Drafts, &["Rascunhos"]),
    ("pt", Outbox, &["Caixa de Saída", "A Enviar"]),
    (
        "nl",
        Trash,
        &["Prullenbak", "Prullenmand", "Verwijderde items", "Verwijderde berichten", "Verwijderd"],
    ),
    ("nl", Junk, &["Ongewenste e-mail", "Ongewenste post", "Ongewenst"]),
    ("nl", Drafts, &["Concepten"]),
    ("nl", Outbox, &["Postvak UIT"]),
    (
        "sv",
        Trash,
        &["Papperskorgen", "Papperskorg", "Borttaget", "Borttagna objekt", "Borttagna meddelanden"],
    ),
    ("sv", Junk, &["Skräppost", "Skräp"]),
    ("sv", Drafts, &["Utkast"]),
    ("sv", Outbox, &["Utkorgen", "Utkorg"]),
    (
        "da",
        Trash,
        &["Papirkurv", "Slettet post", "Slettede elementer", "Slettede meddelelser", "Slettet"],
    ),
    ("da", Junk, &["Uønsket mail", "Uønsket post", "Uønsket e-mail", "Junk-mail"]),
    ("da", Drafts, &["Kladder", "Udkast"]),
    ("da", Outbox, &["Udbakke"]),
    ("no", Trash, &["Papirkurv", "Søppelbøtte", "Slettede elementer", "Slettede meldinger"]),
    ("no", Junk, &["Søppelpost", "Uønsket e-post", "Søppel-e-post"]),
    ("no", Drafts, &["Utkast", "Kladd"]),
    ("no", Outbox, &["Utboks", "Utboksen"]),
    ("fi", Trash, &["Roskakori", "Poistetut", "Poistetut viestit", "Poistetut kohteet"]),
    ("fi", Junk, &["Roskaposti", "Roskapostit"]),
    ("fi", Drafts, &["Luonnokset"]),
    ("fi", Outbox, &["Lähtevät", "Lähtevät viestit"]),
    ("pl", Trash, &["Kosz", "Elementy usunięte", "Usunięte", "Wiadomości usunięte"]),
    ("pl", Junk, &["Wiadomości-śmieci", "Wiadomości śmieci", "Niechciana poczta", "Niechciane"]),
    ("pl", Drafts, &["Szkice", "Kopie robocze", "Wersje robocze", "Robocze"]),
    (
        "cs",
        Trash,
        &["Koš", "Odstraněná pošta", "Odstraněné položky", "Odstraněné zprávy", "Smazané"],
    ),
    ("cs", Junk, &["Nevyžádaná pošta", "Nevyžádané"]),
    ("cs", Drafts, &["Koncepty", "Rozepsané"]),
    ("cs", Outbox, &["Pošta k odeslání", "K odeslání"]),
    ("hu", Trash, &["Kuka", "Lomtár", "Törölt elemek", "Törölt üzenetek", "Törölt"]),
    ("hu", Junk, &["Levélszemét", "Kéretlen levelek"]),
    ("hu", Drafts, &["Piszkozatok"]),
    ("hu", Outbox, &["Postázandó üzenetek", "Kimenő üzenetek"]),
    ("ru", Trash, &["Корзина", "Удаленные", "Удаленные элементы", "Удаленные сообщения"]),
    ("ru", Junk, &["Спам", "Нежелательная почта"]),
    ("ru", Drafts, &["Черновики"]),
    ("uk", Trash, &["Кошик", "Видалені", "Видалене", "Видалені елементи"]),
    ("uk", Junk, &["Спам", "Небажана пошта"]),
    ("uk", Drafts, &["Чернетки"]),
    (
        "tr",
        Trash,
        &["Çöp", "Çöp Kutusu", "Silinmiş Öğeler", "Silinmiş İletiler", "Silinenler", "Silinmiş"],
    ),
    (
        "tr",
        Junk,
        &[
            "Önemsiz",
            "Önemsiz E-posta",
            "Gereksiz",
            "Gereksiz E-posta",
            "İstenmeyen",
            "İstenmeyen E-posta",
        ],
    ),
    ("tr", Drafts, &["Taslaklar"]),
    ("tr", Outbox, &["Giden Kutusu"]),
    (
        "el",
        Trash,
        &["Κάδος", "Κάδος απορριμμάτων", "Απορρίμματα", "Διαγραμμένα", "Διαγραμμένα στοιχεία"],
    ),
    (
        "el",
        Junk,
        &["Ανεπιθύμητα", "Ανεπιθύμητη αλληλογραφία", "Ανεπιθύμητη ηλεκτρονική αλληλογραφία"],
    ),
    ("el", Drafts, &["Πρόχειρα"]),
    ("el", Outbox, &["Εξερχόμενα"]),
    (
        "ja",
        Trash,
        &[
            "ゴミ箱",
            "ごみ箱",
            "削除済みアイテム",
            "削除済みメッセージ",
            "削除済みメール",
            "削除済み",
        ],
    ),
    ("ja", Junk, &["迷惑メール", "迷惑メールフォルダ", "スパム"]),
    ("ja", Drafts, &["下書き"]),
    ("ja", Outbox, &["送信トレイ"]),
    (
        "zh",
        Trash,
        &[
            "已删除邮件",
            "已删除的邮件",
            "已删除项目",
            "已删除",
            "回收站",
            "已刪除的郵件",
            "刪除的郵件",
            "已刪除項目",
            "已刪除",
            "垃圾桶",
        ],
    ),
    ("zh", Junk, &["垃圾邮件", "垃圾箱", "垃圾郵件"]),
    ("zh", Drafts, &["草稿箱", "草稿夹", "草稿", "草稿匣"]),
    ("zh", Outbox, &["寄件匣"]),
    ("ko", Trash, &["휴지통", "지운 편지함", "삭제된 항목", "지운 메시지"]),
    ("ko", Junk, &["스팸", "스팸함", "스팸편지함", "스팸 메일함", "정크 메일", "정크메일"]),
    ("ko", Drafts, &["임시 보관함", "임시보관함", "초안"]),
    ("ko", Outbox, &["보낼 편지함", "보낼편지함"]),
];

/// The outbox in one system, sent mail in another (pl, ru, uk, zh).
const OUTBOX_OR_SENT: &[&str] = &["Skrzynka nadawcza", "Исходящие", "Вихідні", "发件箱", "發件箱"];

/// Sent mail, in the languages of [`OUTBOX_OR_SENT`] and in English.
const SENT: &[&str] = &[
    "Sent",
    "Sent Items",
    "Sent Messages",
    "Sent Mail",
    "Wysłane",
    "Elementy wysłane",
    "Отправленные",
    "Надіслані",
    "Відправлені",
    "已发送",
    "已发送邮件",
    "已傳送",
    "寄件備份",
    "寄件备份",
];

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: &str = "en de fr es it pt nl sv da no fi pl cs hu ru uk tr el ja zh ko";

    #[test]
    fn every_language_has_every_folder() {
        for language in LANGUAGES.split(' ') {
            for folder in [Trash, Junk, Drafts, Outbox] {
                let listed = NAMES.iter().any(|(it, of, _)| *it == language && *of == folder);
                let unsure = folder == Outbox && ["pl", "ru", "uk"].contains(&language);
                assert!(listed || unsure, "{language} {folder:?}");
            }
        }
    }

    #[test]
    fn no_name_means_two_things() {
        let mut seen: HashMap<String, DefaultFolder> = HashMap::new();
        for (language, folder, names) in NAMES {
            for name in *names {
                let before = seen.insert(fold(name), *folder);
                assert!(before.is_none_or(|it| it == *folder), "{language}: {name}");
                assert!(!is_sent(name), "{name}");
            }
        }
        for name in OUTBOX_OR_SENT {
            assert!(!seen.contains_key(&fold(name)), "{name}");
        }
    }
}
