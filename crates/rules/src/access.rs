//! Who may read whose mail, decided in one place.
//!
//! What it is not: a login. Who somebody is, and what was unlocked, comes in as values.
//!
//! Rules: nothing is allowed that is not allowed here; whoever looks after a server does not see
//! the mail of others until it is unlocked with a reason; what is allowed of the mail of others is
//! logged, always.

/// As what somebody reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// A user of the archive.
    User,
    /// One who may read everything, and whose reading is logged.
    Auditor,
    /// One who looks after the server.
    Administrator,
    /// Whoever runs commands on the machine that holds the archive. Nobody could keep the files
    /// from them; what is asked of them is a setting.
    Machine(MachineRule),
}

/// What is asked of those who run commands on the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MachineRule {
    /// What they read is logged.
    #[default]
    Logged,
    /// They are asked for a reason too, as administrators are.
    WithReason,
}

/// Whose mail it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mail {
    /// Their own.
    Own,
    /// That of somebody else, or of nobody.
    Others(Unlocked),
}

/// Whether the mail of others was unlocked by this reader, and still is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unlocked {
    /// It is not.
    No,
    /// It is, with a reason.
    Yes,
}

/// What becomes of a wish to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It is granted, and logged where own mail is.
    Granted,
    /// It is granted, and logged in any case.
    GrantedAndLogged,
    /// It has to be unlocked first, with a reason.
    Locked,
    /// It is not granted.
    Denied,
}

/// Decides whether somebody may read mail.
#[must_use]
pub fn decide(reader: Reader, mail: Mail) -> Access {
    match (reader, mail) {
        (_, Mail::Own) => Access::Granted,
        (Reader::User, Mail::Others(_)) => Access::Denied,
        (Reader::Auditor | Reader::Machine(MachineRule::Logged), Mail::Others(_)) => {
            Access::GrantedAndLogged
        }
        (Reader::Administrator | Reader::Machine(MachineRule::WithReason), Mail::Others(it)) => {
            match it {
                Unlocked::Yes => Access::GrantedAndLogged,
                Unlocked::No => Access::Locked,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_of_every_mail() {
        use Access::{Denied, Granted, GrantedAndLogged, Locked};
        let strict = Reader::Machine(MachineRule::WithReason);
        let cases = [
            (Reader::User, [Granted, Denied, Denied]),
            (Reader::Auditor, [Granted, GrantedAndLogged, GrantedAndLogged]),
            (Reader::Administrator, [Granted, Locked, GrantedAndLogged]),
            (Reader::Machine(MachineRule::Logged), [Granted, GrantedAndLogged, GrantedAndLogged]),
            (strict, [Granted, Locked, GrantedAndLogged]),
        ];
        let mails = [Mail::Own, Mail::Others(Unlocked::No), Mail::Others(Unlocked::Yes)];
        for (reader, want) in cases {
            assert_eq!(mails.map(|it| decide(reader, it)), want, "{reader:?}");
        }
    }
}
