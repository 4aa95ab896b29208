//! What only the functions as they are deployed can show: `./test.sh deployed` builds them.

use crate::service::target;

#[test]
fn no_functions_zip_is_over_two_and_a_half_megabytes() {
    let packages = latchkey::functions().iter().map(latchkey::Function::package);
    for function in packages.chain([latchkey::TRIGGER.1.to_owned()]) {
        let zip = target().join("lambda").join(&function).join("bootstrap.zip");
        let bytes = std::fs::metadata(&zip).unwrap_or_else(|error| panic!("{}: {error}", zip.display())).len();
        assert!(bytes <= 2_500_000, "{function} has {bytes} bytes");
    }
}
