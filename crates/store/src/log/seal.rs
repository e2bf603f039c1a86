//! Sealing: a full segment gets its footer, and never changes again.

use std::io;

use frames::{FooterWriter, Kind, Place, ReadMode, State};
use ports::LogError;

use super::dir::SegmentFile;
use super::error::{io_error, log_error};
use super::segment::Segment;
use super::tables::Tables;

/// Footers are written in pieces of about this many bytes.
const PIECE_BYTES: usize = 4 << 20;

/// Writes and syncs the footer of the last segment, at `place`. Returns it as it is then.
pub(super) fn seal(
    tables: &Tables,
    segment: &Segment,
    file: &SegmentFile,
    place: Place,
    state: &State,
) -> Result<Segment, LogError> {
    let wrong = log_error(segment.number);
    let end = place.offset + place.prefix.len() as u64;
    let mut writer = FooterWriter::new(place, state.batch, segment.first_entry());
    let mut reader = segment.reader(file, end, ReadMode::Hopping);
    let mut at = segment.start.offset;
    let mut pending = 0;
    while at < end {
        let header = reader.header(at).map_err(&wrong)?;
        if matches!(header.kind, Kind::Entries | Kind::Details | Kind::Commit) {
            let frame = reader.frame(at).map_err(&wrong)?;
            writer.take(&frame).map_err(frames::ReadFlaw::at(at)).map_err(&wrong)?;
            pending += header.raw_len as usize;
        }
        at += header.frame_len();
        if PIECE_BYTES <= pending {
            pending = 0;
            write(file, writer.drain()).map_err(io_error)?;
        }
    }
    let ids = tables.tip_ids()?;
    let (offset, bytes, footer) = writer.finish(&ids, state);
    let end = offset + bytes.len() as u64;
    write(file, (offset, bytes)).and_then(|()| file.sync()).map_err(io_error)?;
    Ok(segment.ended(end, Some(footer)))
}

fn write(file: &SegmentFile, (offset, bytes): (u64, Vec<u8>)) -> io::Result<()> {
    if bytes.is_empty() { Ok(()) } else { file.write_at(&bytes, offset) }
}

/// Writes the footer of a sealed segment once more and syncs it: the process that sealed it died
/// before anybody heard that its sync succeeded.
///
/// Only footers are cut off here, which nobody recorded, and which another crash only takes back
/// to the batches before them.
pub(super) fn rewrite_footer(file: &SegmentFile, start: u64, end: u64) -> io::Result<()> {
    let len = usize::try_from(end - start).unwrap_or(usize::MAX);
    let bytes = file.read_vec(start, len)?;
    if bytes.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // Makes the length itself something that the sync must write.
    file.set_len(start)?;
    file.write_at(&bytes, start)?;
    file.sync()
}
