//! Code that must not compile: no state of a release is made by anything but its own step.

#[test]
fn no_state_is_forged() {
    trybuild::TestCases::new().compile_fail("tests/proofs/cases/*.rs");
}
