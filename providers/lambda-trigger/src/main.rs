mod lambda;
mod outcome;
mod properties;
mod trigger;
fn main() {}
