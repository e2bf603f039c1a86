//! One segment from front to back.

use frames::{
    Chain, Dictionary, Flaw, Frame, FrameReader, Gone, Kind, PRELUDE_BYTES, Prelude, ReadFlaw,
    ReadMode, State, Step,
};

use super::super::segment::Segment;
use super::Scope;
use super::content::{Content, Counts};
use super::footer::FooterCheck;

/// Progress is shown whenever this many bytes were read.
const PROGRESS_BYTES: u64 = 4 << 20;

/// Walks over a segment. See the module.
pub(super) struct SegmentWalk<'a> {
    scope: &'a Scope<'a>,
    segment: &'a Segment,
    end: u64,
    chain: &'a mut Chain,
    content: Content<'a>,
    footer: FooterCheck,
    is_flawed: bool,
}

impl<'a> SegmentWalk<'a> {
    pub(super) fn new(
        scope: &'a Scope<'a>,
        segment: &'a Segment,
        end: u64,
        chain: &'a mut Chain,
    ) -> SegmentWalk<'a> {
        let content = Content::new(scope, segment);
        let footer = FooterCheck::new(segment.first_entry(), segment.casing.page_bytes());
        SegmentWalk { scope, segment, end, chain, content, footer, is_flawed: false }
    }

    pub(super) fn run(mut self, on_bytes: &mut dyn FnMut(u64)) -> Counts {
        match self.scope.tables.dir.file_of(self.segment) {
            Ok(file) => {
                let mut reader = self.segment.reader(&file, self.end, ReadMode::Through);
                self.prelude(&mut reader);
                self.frames(&mut reader, on_bytes);
            }
            Err(error) => self.defect(0, error.to_string()),
        }
        let Content { counts, .. } = self.content;
        counts
    }

    fn defect(&mut self, offset: u64, what: impl Into<String>) {
        self.is_flawed = true;
        self.scope.defects.add(self.segment.number, offset, what);
    }

    fn prelude(&mut self, reader: &mut FrameReader<'_>) {
        let prelude = match reader.bytes(0, PRELUDE_BYTES) {
            Ok(bytes) => Prelude::decode(bytes).map_err(|it| it.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let (number, salt) = (self.segment.number, self.segment.casing.salt);
        match prelude {
            Ok(it) if it.segment == number && it.salt == salt => (),
            Ok(_) => self.defect(0, Flaw::Mismatch("the prelude").to_string()),
            Err(what) => self.defect(0, what),
        }
    }

    fn frames(&mut self, reader: &mut FrameReader<'_>, on_bytes: &mut dyn FnMut(u64)) {
        let mut at = PRELUDE_BYTES as u64;
        let mut shown = 0;
        // Every segment begins with the state that the one before ended with, and takes frames
        // again even if that one was sealed.
        *self.chain = Chain::new(std::mem::take(&mut self.end_state()));
        while at < self.end {
            let next = match reader.frame(at) {
                Ok(frame) => {
                    self.frame(&frame);
                    Some(frame.end())
                }
                Err(ReadFlaw::Flaw { flaw, .. }) => {
                    self.defect(at, flaw.to_string());
                    self.chain.skip();
                    self.behind_flaw(reader, at)
                }
                Err(error @ ReadFlaw::Io(_)) => {
                    self.io_defect(at, &error);
                    None
                }
            };
            let Some(next) = next else { break };
            at = next;
            if PROGRESS_BYTES <= at - shown {
                shown = at;
                on_bytes(at);
            }
        }
        if self.chain.is_inside() {
            self.defect(self.end, "the last batch has no commit");
            self.chain.skip();
        }
    }

    /// The state behind the segments before; a flaw in them is taken along.
    fn end_state(&self) -> State {
        self.chain.state().clone()
    }

    fn io_defect(&mut self, at: u64, error: &ReadFlaw) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        self.defect(at, format!("{error}: {}", cause.unwrap_or_default()));
        self.chain.skip();
    }

    /// Where to go on behind a flawed frame: behind its payload when its header is sound, else
    /// at the next true frame.
    fn behind_flaw(&mut self, reader: &mut FrameReader<'_>, at: u64) -> Option<u64> {
        if let Ok(header) = reader.header(at) {
            return Some(at + header.frame_len());
        }
        match reader.find_header(at + 1) {
            Ok(found) => found.map(|(offset, _)| offset),
            Err(error) => {
                self.io_defect(at, &ReadFlaw::Io(error));
                None
            }
        }
    }

    /// A dictionary stands at one place only, and is the one that the prelude names.
    fn dictionary(&mut self, frame: &Frame<'_>) {
        let id = Dictionary::decode(&frame.header, frame.payload).map(|it| it.id());
        let is_at_start = frame.end() <= self.segment.start.offset;
        if !is_at_start || id != Ok(self.segment.dictionary_id) {
            self.defect(frame.offset, Flaw::Mismatch("a dictionary").to_string());
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let (step, known) = match self.chain.push(frame) {
            Ok(step) => (Some(step), None),
            Err(flaw) => {
                self.defect(frame.offset, flaw.to_string());
                self.chain.skip();
                (self.chain.push(frame).ok(), Some(flaw))
            }
        };
        let taken = match frame.header.kind {
            Kind::Blob | Kind::Chunk | Kind::ChunkList | Kind::Skeleton | Kind::Pack => {
                self.content.blob(frame);
                Ok(())
            }
            Kind::Entries => self.content.entries(frame),
            Kind::Details => self.content.details(frame),
            Kind::Gone => Gone::decode(frame.payload).map(|it| self.content.gone(frame, &it.id)),
            Kind::Commit => {
                self.content.commit(frame);
                Ok(())
            }
            Kind::Dictionary => {
                self.dictionary(frame);
                Ok(())
            }
            Kind::Close | Kind::FooterRun | Kind::FooterIds | Kind::FooterFilter => Ok(()),
        };
        let noted = taken.and_then(|()| self.footer.take(frame, &self.content.ids));
        if let Some(flaw) = noted.err().filter(|it| Some(it) != known.as_ref()) {
            self.defect(frame.offset, flaw.to_string());
        }
        if let Some(Step::Closed(Some(footer))) = step
            && !self.is_flawed
        {
            for what in self.footer.compare(&footer, &self.content.ids) {
                self.defect(frame.offset, what);
            }
        }
    }
}
