//! Facts in, cells and a word out.
