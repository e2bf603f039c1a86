//! Reading files as messages.

#[cfg(test)]
mod scan;
