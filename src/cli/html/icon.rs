//! Icons shown with each status, so that no status depends on colour alone.

/// Ready to start.
pub const GO: &str = r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><circle cx="24" cy="24" r="21"/><path d="M18 14.5v19l15-9.5z"/></svg>"#;

/// Waiting.
pub const PAUSE: &str = r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><circle cx="24" cy="24" r="21"/><path d="M17 14h5v20h-5zM26 14h5v20h-5z"/></svg>"#;

/// Done or valid.
pub const TICK: &str = r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><circle cx="24" cy="24" r="21"/><path d="M20.5 34.5l-9-9 3.6-3.6 5.4 5.4 12.4-12.4 3.6 3.6z"/></svg>"#;

/// Fault.
pub const HALT: &str = r#"<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><path class="ground" d="M15.3 3h17.4L45 15.3v17.4L32.7 45H15.3L3 32.7V15.3z"/><path d="M21.5 11h5l-.8 17h-3.4zM21.5 32h5v5h-5z"/></svg>"#;
