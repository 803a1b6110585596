//! Promises 1 and 2: one reader, whatever races, breaks or crashes; and nothing acknowledged is lost.

mod crash;
mod readers;
mod requests;
