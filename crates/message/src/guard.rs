//! Keeps a panic inside parsing from going further, and from printing anything.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is caught by [`quietly`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs `parse`; `None` when it panicked. The panic hook stays silent for it, and for it only.
pub(crate) fn quietly<T>(parse: impl FnOnce() -> T) -> Option<T> {
    HOOK.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            if !GUARDED.get() {
                shown(what);
            }
        }));
    });
    let before = GUARDED.replace(true);
    // Nothing that `parse` has touched is used after a panic.
    let result = panic::catch_unwind(AssertUnwindSafe(parse));
    GUARDED.set(before);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_value() {
        assert_eq!(quietly(|| 1), Some(1));
        assert_eq!(quietly(|| -> u32 { panic!("inside") }), None);
        assert!(!GUARDED.get());
        let nested = quietly(|| (quietly(|| -> u32 { panic!("deep inside") }), GUARDED.get()));
        assert_eq!(nested, Some((None, true)));
    }
}
