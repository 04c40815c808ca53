//! Code that must not compile: each state of a release is created only by its own step.

#[test]
fn no_state_is_forged() {
    trybuild::TestCases::new().compile_fail("tests/proofs/cases/*.rs");
}
