//! The model does what every catalog must do: so the suite asks nothing that cannot be done.

use super::*;
use crate::catalog_conformance::{self, CatalogBench};

#[derive(Default)]
struct InMemory {
    catalog: MemoryCatalog,
}

impl CatalogBench for InMemory {
    type Writer = MemoryCatalogWriter;
    type Reader = MemoryCatalog;

    fn open(&self) -> MemoryCatalogWriter {
        self.catalog.writer()
    }

    fn open_second(&self) -> Result<MemoryCatalogWriter, String> {
        Ok(self.catalog.writer())
    }

    fn reader(&self) -> MemoryCatalog {
        self.catalog.clone()
    }

    fn break_at(&self, _: &MemoryCatalogWriter, n: u64, how: Break) {
        self.catalog.break_at(n, how);
    }

    fn n_steps(&self, _: &MemoryCatalogWriter, _: Break) -> u64 {
        self.catalog.n_steps()
    }

    fn mend(&self, _: &MemoryCatalogWriter) {
        self.catalog.mend();
    }

    fn die(&self, writer: MemoryCatalogWriter, _: u64) {
        drop(writer);
        self.catalog.mend();
    }

    fn hold(&self) {
        self.catalog.hold();
    }

    fn release(&self) {
        self.catalog.release();
    }
}

#[test]
fn the_model_is_a_catalog() {
    catalog_conformance::check(InMemory::default);
}
