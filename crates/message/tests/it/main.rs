//! The parser over whole messages: a corpus with expectations, mutations of it, and figures.
#![expect(clippy::disallowed_methods, reason = "tests read mail from files and measure time")]

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod splitting;
