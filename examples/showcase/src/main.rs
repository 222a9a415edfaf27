//! Sign in with a second factor, end to end.
fn main() {}
