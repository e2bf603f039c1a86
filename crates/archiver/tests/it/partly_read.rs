//! Which defects may hide words: names in details are those of the parser.

use ledger::MessageDetail;
use message::Defect;

#[test]
fn defects_that_hide_nothing_are_known() {
    let hides_nothing = |it: &&Defect| {
        let defects = vec![it.name().to_owned()];
        !MessageDetail { defects, ..MessageDetail::default() }.is_partly_read()
    };
    let names: Vec<&str> = Defect::ALL.iter().filter(hides_nothing).map(|it| it.name()).collect();
    let want =
        ["empty", "no-header", "malformed-header", "no-date", "wrong-date", "multipart-unclosed"];
    assert_eq!(names, want);
}
