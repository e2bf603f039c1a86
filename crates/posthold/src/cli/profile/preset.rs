//! A new server profile that follows a preset.

use commands::{Failure, FailureKind};
use rules::presets::{Host, MailProtocol, Preset};

use super::{ChangeArgs, ProtocolArg};

/// The arguments with what the preset says, where they say nothing themselves.
pub(super) fn fill_in(mut args: ChangeArgs) -> Result<ChangeArgs, Failure> {
    let Some(name) = args.preset.take().filter(|it| !it.is_empty()) else { return Ok(args) };
    let wrong = |message: String| Failure::new(FailureKind::Request, message);
    let preset = Preset::named(&name).ok_or_else(|| {
        wrong(format!("there is no preset {name:?}"))
            .with_hint("`posthold preset list` shows the presets.")
    })?;
    let asked = args.protocol.map(|it| match it {
        ProtocolArg::Imap => MailProtocol::Imap,
        ProtocolArg::Pop3 => MailProtocol::Pop3,
    });
    let mut endpoints = preset.endpoints.iter();
    if !endpoints.any(|it| asked.is_none_or(|asked| it.protocol == asked)) {
        let ways: Vec<String> = preset.endpoints.iter().map(ToString::to_string).collect();
        let message = format!("{} is not reached that way", preset.title);
        let hint = format!("It is reached by {}.", ways.join(", "));
        return Err(wrong(message).with_hint(hint));
    }
    match (&args.host, preset.host) {
        (Some(_), _) => (),
        (None, Host::Fixed(host)) => args.host = Some(host.to_owned()),
        (None, Host::Like(host)) => {
            return Err(wrong(format!("the host of {} is not named", preset.title))
                .with_hint(format!("Name it with --host; it is often like {host}.")));
        }
    }
    Ok(args)
}
