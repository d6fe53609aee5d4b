//! Pieces of pages: what the report and the console are made of.
//!
//! Whatever is shown goes through `maud`, which escapes it, and at last through [`inert`]. No piece
//! has a script or a style of its own, so all of them stand under a strict content security policy.

pub mod incident;
pub mod picture;
pub mod prose;

/// Colours, type and tables of a page, light, dark and on paper; [`picture::CSS`] goes with it.
pub const CSS: &str = include_str!("page.css");

/// Makes the control characters, and those that turn the direction of writing, of a whole page
/// visible and harmless. Markup has none of them, so whatever there is came from outside.
pub fn inert(page: &str) -> String {
    page.split_inclusive('\n').fold(String::with_capacity(page.len()), |mut inert, line| {
        match line.strip_suffix('\n') {
            Some(line) => {
                inert.push_str(&crate::term::clean(line, true));
                inert.push('\n');
            }
            None => inert.push_str(&crate::term::clean(line, true)),
        }
        inert
    })
}
