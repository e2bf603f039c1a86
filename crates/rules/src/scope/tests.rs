//! `+entry` includes, `-entry` excludes, `all` keeps the default folders; mailboxes are paths,
//! with `\Role` in front where the server marks them.

use expect_test::{Expect, expect};

use super::*;

fn role(mark: &str) -> Role {
    match mark {
        "Trash" => Role::Default(DefaultFolder::Trash),
        "Junk" => Role::Default(DefaultFolder::Junk),
        "Drafts" => Role::Default(DefaultFolder::Drafts),
        "Sent" => Role::Sent,
        _ => Role::Other,
    }
}

fn scope(lists: &str) -> Scope {
    let words: Vec<&str> = lists.split(' ').filter(|it| !it.is_empty()).collect();
    let list = |sign| {
        words.iter().filter_map(|it| it.strip_prefix(sign)).map(str::to_owned).collect::<Vec<_>>()
    };
    let defaults =
        if words.contains(&"all") { DefaultFolders::Kept } else { DefaultFolders::LeftOut };
    Scope::parse(defaults, &list('+'), &list('-')).unwrap()
}

fn check_whose(whose: Whose, lists: &str, mailboxes: &[&str], want: &Expect) {
    let names: Vec<(Option<Role>, MailboxName)> = mailboxes
        .iter()
        .map(|it| match it.strip_prefix('\\').and_then(|it| it.split_once(' ')) {
            Some((mark, path)) => (Some(role(mark)), MailboxName::from_parts(path.split('/'))),
            None => (None, MailboxName::from_parts(it.split('/'))),
        })
        .collect();
    let listed: Vec<ListedMailbox<'_>> =
        names.iter().map(|(role, name)| ListedMailbox { name, role: *role, whose }).collect();
    let scope = scope(lists);
    let mut text = String::new();
    for (mailbox, verdict) in listed.iter().zip(scope.apply(&listed)) {
        let verdict = match verdict {
            Verdict::In => "in".to_owned(),
            Verdict::Out(reason) => format!("out: {reason}"),
        };
        text.push_str(&format!("{} {verdict}\n", mailbox.name));
    }
    for (list, entry) in scope.unmatched(&listed) {
        text.push_str(&format!("nothing matches {entry} of the {list}\n"));
    }
    want.assert_eq(&text);
}

fn check(lists: &str, mailboxes: &[&str], want: &Expect) {
    check_whose(Whose::Own, lists, mailboxes, want);
}

#[test]
fn default_folders_are_out_with_their_subfolders() {
    check(
        "",
        &["INBOX", "Trash", "Trash/2024/a", "Junk", "Drafts", "Outbox", "Sent", "Trashed"],
        &expect![[r#"
            INBOX in
            Trash out: Trash is left out by default
            Trash/2024/a out: Trash is left out by default
            Junk out: Junk is left out by default
            Drafts out: Drafts is left out by default
            Outbox out: Outbox is left out by default
            Sent in
            Trashed in
        "#]],
    );
}

#[test]
fn special_use_decides_for_the_roles_that_it_marks() {
    check(
        "",
        &["INBOX", r"\Trash Muell", "Muell/alt", "Trash", "Spam", r"\Drafts INBOX/Entw"],
        &expect![[r#"
            INBOX in
            Muell out: Trash is left out by default
            Muell/alt out: Trash is left out by default
            Trash in
            Spam out: Junk is left out by default
            INBOX/Entw out: Drafts is left out by default
        "#]],
    );
}

#[test]
fn names_count_at_the_top_and_below_containers() {
    check(
        "",
        &[
            "INBOX/Trash",
            "Inbox/Papierkorb/x",
            "[Gmail]/Bin",
            "[Google Mail]/Spam",
            "Projects/Drafts",
            "INBOX/Projects/Drafts",
            "Drafts of the book",
        ],
        &expect![[r#"
            INBOX/Trash out: Trash is left out by default
            Inbox/Papierkorb/x out: Trash is left out by default
            [Gmail]/Bin out: Trash is left out by default
            [Google Mail]/Spam out: Junk is left out by default
            Projects/Drafts in
            INBOX/Projects/Drafts in
            Drafts of the book in
        "#]],
    );
}

#[test]
fn names_in_any_case_and_form() {
    check(
        "",
        &["trash", "SPAM", "entwu\u{308}rfe", "GELÖSCHTE  ELEMENTE", "Boîte d\u{2019}envoi"],
        &expect![[r#"
            trash out: Trash is left out by default
            SPAM out: Junk is left out by default
            entwürfe out: Drafts is left out by default
            GELÖSCHTE  ELEMENTE out: Trash is left out by default
            Boîte d’envoi out: Outbox is left out by default
        "#]],
    );
}

#[test]
fn a_mark_for_something_else_keeps_a_mailbox_in() {
    check(
        "",
        &[r"\Sent Outbox", r"\Archive Trash", "Trash/a", r"\Junk INBOX", "INBOX/a"],
        &expect![[r#"
            Outbox in
            Trash in
            Trash/a in
            INBOX in
            INBOX/a in
        "#]],
    );
}

#[test]
fn an_outbox_that_may_be_sent_mail_needs_sent_mail_beside_it() {
    check(
        "",
        &["INBOX", "Исходящие"],
        &expect![[r#"
            INBOX in
            Исходящие in
        "#]],
    );
    check(
        "",
        &["INBOX", "Исходящие", "Отправленные"],
        &expect![[r#"
            INBOX in
            Исходящие out: Outbox is left out by default
            Отправленные in
        "#]],
    );
    check(
        "",
        &[r"\Sent Skrzynka nadawcza", "发件箱"],
        &expect![[r#"
            Skrzynka nadawcza in
            发件箱 out: Outbox is left out by default
        "#]],
    );
}

#[test]
fn names_below_other_users_and_shared_folders() {
    check_whose(
        Whose::OtherUsers,
        "",
        &["user/bob/Trash", "user/bob/INBOX/Trash/x", "user/bob", "user/bob/a/Trash"],
        &expect![[r#"
            user/bob/Trash out: Trash is left out by default
            user/bob/INBOX/Trash/x out: Trash is left out by default
            user/bob in
            user/bob/a/Trash in
        "#]],
    );
    check_whose(
        Whose::Shared,
        "",
        &["Public/Trash", "Public/a/Trash"],
        &expect![[r#"
            Public/Trash out: Trash is left out by default
            Public/a/Trash in
        "#]],
    );
}

#[test]
fn marks_count_in_their_own_namespace() {
    let own = MailboxName::from_parts(["Papierkorb"]);
    let shared = MailboxName::from_parts(["user", "bob", "Trash"]);
    let trash = Some(role("Trash"));
    let listed = [
        ListedMailbox { name: &own, role: trash, whose: Whose::Own },
        ListedMailbox { name: &shared, role: None, whose: Whose::OtherUsers },
    ];
    let out = Verdict::Out(OutReason::DefaultFolder(DefaultFolder::Trash));
    assert_eq!(scope("").apply(&listed), [out.clone(), out]);
}

#[test]
fn all_folders_keeps_the_default_folders() {
    check(
        "all",
        &["INBOX", "Trash", r"\Junk Spam"],
        &expect![[r#"
            INBOX in
            Trash in
            Spam in
        "#]],
    );
}

#[test]
fn an_include_list_takes_only_what_it_names() {
    check(
        "+inbox +Work",
        &["INBOX", "Work", "Work/a", "Home", "Trash"],
        &expect![[r#"
            INBOX in
            Work in
            Work/a in
            Home out: not in the include list
            Trash out: not in the include list
        "#]],
    );
}

#[test]
fn exclusion_wins() {
    check(
        "+Work -Work/secret -||a$",
        &["INBOX", "Work", "Work/secret/x", "Work/a"],
        &expect![[r#"
            INBOX out: not in the include list
            Work in
            Work/secret/x out: in the exclude list: Work/secret
            Work/a out: in the exclude list: ||a$
        "#]],
    );
}

#[test]
fn default_folders_stay_out_when_included_by_name() {
    check(
        "+Trash +INBOX",
        &["INBOX", "Trash"],
        &expect![[r#"
            INBOX in
            Trash out: Trash is left out by default
        "#]],
    );
}

#[test]
fn entries_that_match_nothing_are_told() {
    check(
        "+INBOX +Wrok -Secert",
        &["INBOX", "Work"],
        &expect![[r#"
            INBOX in
            Work out: not in the include list
            nothing matches Wrok of the include list
            nothing matches Secert of the exclude list
        "#]],
    );
}

#[test]
fn a_wrong_entry_is_an_error() {
    let error = Scope::parse(DefaultFolders::LeftOut, &["a".into(), "||(".into()], &[]);
    expect![[r#"entry 2 of the include list is wrong at character 3: unclosed group: "||(""#]]
        .assert_eq(&error.unwrap_err().to_string());
}

#[test]
fn a_fingerprint_changes_with_the_meaning() {
    let same = [scope("+a +b -c"), scope("+b +a +a -c")];
    assert_eq!(same[0].fingerprint(), same[1].fingerprint());
    let all = ["", "all", "+a", "-a", "+a +b", "+a -b", "all +a", "+a/."];
    let distinct: HashSet<_> = all.iter().map(|it| scope(it).fingerprint()).collect();
    assert_eq!(distinct.len(), all.len());
    expect!["2a867fb210befce7d7b7e5a1ee4092e76da1898dde3be732d3b247af96219f0e"]
        .assert_eq(&scope("+a -b").fingerprint().to_string());
}

#[test]
fn folders_of_others_are_left_out_when_asked() {
    let own = MailboxName::from_parts(["INBOX"]);
    let names = [own, MailboxName::from_parts(["Public", "News"])];
    let listed = |whose| ListedMailbox { name: &names[1], role: None, whose };
    let inbox = ListedMailbox { name: &names[0], role: None, whose: Whose::Own };
    let verdicts = |scope: &Scope, whose| -> Vec<Verdict> { scope.apply(&[inbox, listed(whose)]) };
    let all = scope("");
    assert_eq!(verdicts(&all, Whose::Shared), [Verdict::In, Verdict::In]);
    let own = all.clone().own_only();
    assert_ne!(all.fingerprint(), own.fingerprint());
    for (whose, want) in
        [(Whose::Shared, "a public folder"), (Whose::OtherUsers, "a folder of another user")]
    {
        let [Verdict::In, Verdict::Out(reason)] = &verdicts(&own, whose)[..] else { panic!() };
        assert_eq!(reason.to_string(), want);
    }
    // What a list says comes first.
    let named = scope("-Public").own_only();
    let want = Verdict::Out(OutReason::ExcludeList { entry: "Public".into() });
    assert_eq!(verdicts(&named, Whose::Shared)[1], want);
}
