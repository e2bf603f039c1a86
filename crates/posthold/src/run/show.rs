//! `show`.

use commands::{
    Answer, Failure, FailureKind, PartShown, Progress, ProgressSink, Show, ShowAnswer, ShowForm,
};
use message::parse_prefix;
use ports::ReadErrorKind;
use query::{ID_DIGITS_MIN, IdPrefix};
use store::MessageRow;
use tokio::sync::mpsc;
use types::limits::PARSE_BYTES_MAX;

use super::search::rows_beginning;
use super::stores::Reading;
use super::{blocking, faults};
use crate::context::{Context, DataDir};

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
    let data = context.data.clone();
    match request.form {
        ShowForm::Decoded => {
            let shown = blocking(move || decoded(&data, &request.id)).await?;
            Ok(Answer::Show(Box::new(shown)))
        }
        ShowForm::Raw => raw(data, request.id, progress).await,
    }
}

/// Opens the store and looks the message up.
fn found(data: &DataDir, id: &str) -> Result<(Reading, MessageRow), Failure> {
    let Some(prefix) = IdPrefix::new(id) else {
        let message = format!("an id has {ID_DIGITS_MIN} to 64 hexadecimal digits, not {id:?}");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold search` shows the ids of messages."));
    };
    let reading = Reading::open(data)?;
    let mut rows = rows_beginning(&reading, &prefix)?;
    match (rows.pop(), rows.is_empty()) {
        (Some(row), true) => Ok((reading, row)),
        (None, _) => {
            let message = format!("there is no message {id}");
            Err(Failure::new(FailureKind::NotFound, message)
                .with_hint("`posthold search` shows the ids of messages."))
        }
        (Some(last), false) => {
            rows.push(last);
            let ids: Vec<String> =
                rows.iter().take(NAMED_MAX).map(|it| it.blob.to_string()).collect();
            let message = format!("{} messages begin with {id}", rows.len());
            Err(Failure::new(FailureKind::Request, message)
                .with_hint(format!("Give more digits: {}.", ids.join(", "))))
        }
    }
}

fn decoded(data: &DataDir, id: &str) -> Result<ShowAnswer, Failure> {
    let (reading, row) = found(data, id)?;
    let mut bytes = Vec::new();
    let mut keep = |piece: &[u8]| {
        let rest = PARSE_BYTES_MAX.saturating_sub(bytes.len());
        bytes.extend(piece.iter().take(rest));
        Ok(())
    };
    reading.store.log().read(&row.blob, &mut keep).map_err(|it| faults::read(&it, &row.blob))?;
    let (message, defects) = parse_prefix(&bytes, row.size);
    let places = reading.store.catalog().places(row.n).map_err(|it| faults::catalog(&it))?;
    let part =
        |it: message::Part| PartShown { name: it.name, media_type: it.media_type, size: it.size };
    Ok(ShowAnswer {
        id: row.blob,
        size: row.size,
        from: message.from,
        to: message.to,
        cc: message.cc,
        bcc: message.bcc,
        subject: message.subject,
        date: Some(row.date),
        message_id_header: message.message_id_header,
        folders: places.into_iter().map(|it| (it.user, it.path)).collect(),
        text: message.text,
        parts: message.parts.into_iter().map(part).collect(),
        defects: defects.iter().map(ToString::to_string).collect(),
    })
}

/// Sends the bytes piece by piece: each has been checked, and a last check of the whole follows.
async fn raw(data: DataDir, id: String, progress: &dyn ProgressSink) -> Result<Answer, Failure> {
    let (sender, mut pieces) = mpsc::channel::<Vec<u8>>(PIECES_WAITING_MAX);
    let reads = blocking(move || {
        let (reading, row) = found(&data, &id)?;
        let mut send = |piece: &[u8]| {
            let sent = sender.blocking_send(piece.to_vec());
            sent.map_err(|_| std::io::Error::from(std::io::ErrorKind::BrokenPipe))
        };
        match reading.store.log().read(&row.blob, &mut send) {
            Ok(_) => Ok(()),
            // Whoever closed the other end has read enough.
            Err(error) if error.kind() == ReadErrorKind::Sink => Ok(()),
            Err(error) => Err(faults::read(&error, &row.blob)),
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
