mod outcome;
mod properties;
fn main(){}
