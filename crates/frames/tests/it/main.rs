//! Whole segments in memory: what a survey says of them, cut and flipped at every place.

mod segment;
mod survey;
