//! Reading files as messages.

#[cfg(test)]
mod fuzzed;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scan;
