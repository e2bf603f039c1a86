//! `show`.

use std::io;

use commands::{
    Answer, Failure, FailureKind, PartShown, Progress, ProgressSink, Show, ShowAnswer, ShowForm,
};
use message::parse_prefix;
use ports::{ReadError, ReadErrorKind};
use query::{ID_DIGITS_MIN, IdPrefix};
use tokio::sync::mpsc;
use types::limits::PARSE_BYTES_MAX;

use super::all_stores::{AllStores, Held};
use super::audit::{Whose, may_read};
use super::{blocking, faults};
use crate::context::Context;

/// Pieces of a message that wait to be written.
const PIECES_WAITING_MAX: usize = 4;

/// Digits of ids that are named when several begin alike.
const NAMED_MAX: usize = 5;

/// Shows one message.
pub(super) async fn show(
    context: &Context,
    request: Show,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let within = context.clone();
    match request.form {
        ShowForm::Decoded => {
            let shown = blocking(move || decoded(&within, &request.id)).await?;
            Ok(Answer::Show(Box::new(shown)))
        }
        ShowForm::Raw => raw(within, request.id, progress).await,
    }
}

/// Looks a message up in all stores. It is one, however many of them have it.
pub(super) fn found<'a>(all: &'a AllStores, id: &str) -> Result<Held<'a>, Failure> {
    let Some(prefix) = IdPrefix::new(id) else {
        let message = format!("an id has {ID_DIGITS_MIN} to 64 hexadecimal digits, not {id:?}");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold search` shows the ids of messages."));
    };
    let mut held = all.beginning(&prefix)?;
    match (held.pop(), held.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => {
            let message = match all.read().told() {
                None => format!("there is no message {id}"),
                Some(told) => format!("there is no message {id} in what was read: {told}"),
            };
            Err(Failure::new(FailureKind::NotFound, message)
                .with_hint("`posthold search` shows the ids of messages."))
        }
        (Some(last), false) => {
            held.push(last);
            let ids: Vec<String> =
                held.iter().take(NAMED_MAX).map(|it| it.id.to_string()).collect();
            let message = format!("{} messages begin with {id}", held.len());
            Err(Failure::new(FailureKind::Request, message)
                .with_hint(format!("Give more digits: {}.", ids.join(", "))))
        }
    }
}

/// The same, when whoever asks may read it. It is noted as read.
fn readable<'a>(all: &'a AllStores, context: &Context, id: &str) -> Result<Held<'a>, Failure> {
    let held = found(all, id)?;
    let users = all.places(&held.id)?.into_iter().map(|it| it.user).collect();
    may_read(&context.data, &context.asker, &Whose::Users(users))?;
    context.reads.note(&held.id);
    Ok(held)
}

/// Reads a message from the first store that gives it whole.
fn read(
    held: &Held<'_>,
    mut sink: impl FnMut(Piece<'_>) -> io::Result<()>,
) -> Result<(), ReadError> {
    let mut last = None;
    for (one, row) in &held.copies {
        let mut passed = false;
        let tried = one.reading.store.log().read(&row.blob, &mut |bytes| {
            passed = true;
            sink(Piece::Bytes(bytes))
        });
        match tried {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ReadErrorKind::Sink => return Err(error),
            Err(error) => last = Some(error),
        }
        if passed && sink(Piece::Again).is_err() {
            break;
        }
    }
    Err(last.unwrap_or_else(|| ReadError::new(ReadErrorKind::NotFound, "no store has it")))
}

/// What [`read`] gives.
enum Piece<'a> {
    /// The next bytes.
    Bytes(&'a [u8]),
    /// What came before was the beginning of a damaged copy: forget it, if you can.
    Again,
}

fn decoded(context: &Context, id: &str) -> Result<ShowAnswer, Failure> {
    let all = AllStores::open(&context.data)?;
    let held = readable(&all, context, id)?;
    let mut bytes = Vec::new();
    let read = read(&held, |piece| {
        match piece {
            Piece::Bytes(piece) => {
                let rest = PARSE_BYTES_MAX.saturating_sub(bytes.len());
                bytes.extend(piece.iter().take(rest));
            }
            Piece::Again => bytes.clear(),
        }
        Ok(())
    });
    read.map_err(|it| faults::read(&it, &held.id))?;
    let Some((_, row)) = held.copies.first() else {
        return Err(Failure::new(FailureKind::Internal, "a message that no store has"));
    };
    let (message, defects) = parse_prefix(&bytes, row.size);
    let mut folders: Vec<(String, String)> = Vec::new();
    for place in all.places(&held.id)? {
        let folder = (place.user, place.path);
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let part =
        |it: message::Part| PartShown { name: it.name, media_type: it.media_type, size: it.size };
    Ok(ShowAnswer {
        id: held.id,
        size: row.size,
        from: message.from,
        to: message.to,
        cc: message.cc,
        bcc: message.bcc,
        subject: message.subject,
        date: Some(row.date),
        message_id_header: message.message_id_header,
        folders,
        text: message.text,
        parts: message.parts.into_iter().map(part).collect(),
        defects: defects.iter().map(ToString::to_string).collect(),
        stores: all.read(),
    })
}

/// Sends the bytes piece by piece: each has been checked, and a last check of the whole follows.
async fn raw(context: Context, id: String, progress: &dyn ProgressSink) -> Result<Answer, Failure> {
    let (sender, mut pieces) = mpsc::channel::<Vec<u8>>(PIECES_WAITING_MAX);
    let reads = blocking(move || {
        let all = AllStores::open(&context.data)?;
        let held = readable(&all, &context, &id)?;
        let read = read(&held, |piece| match piece {
            Piece::Bytes(piece) => {
                let sent = sender.blocking_send(piece.to_vec());
                sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
            }
            // What was sent cannot be taken back.
            Piece::Again => Err(io::Error::from(io::ErrorKind::InvalidData)),
        });
        match read {
            Ok(()) => Ok(()),
            // Whoever closed the other end has read enough.
            Err(error) if error.kind() == ReadErrorKind::Sink => Ok(()),
            Err(error) => Err(faults::read(&error, &held.id)),
        }
    });
    let writes = async {
        while let Some(piece) = pieces.recv().await {
            if progress.send(Progress::Bytes(piece)).is_err() {
                break;
            }
        }
        drop(pieces);
    };
    let (read, ()) = tokio::join!(reads, writes);
    read.map(|()| Answer::Raw)
}
