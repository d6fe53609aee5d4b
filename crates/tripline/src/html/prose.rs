//! The texts of the catalogue as HTML.

use maud::{Markup, html};

use crate::prose::{Block, blocks};

/// Paragraphs, lists and `code`.
pub fn of(text: &str) -> Markup {
    let blocks = blocks(text);
    let is_item = |block: &Block<'_>| matches!(block, Block::Item { .. });
    let groups = blocks.chunk_by(|a, b| is_item(a) && is_item(b));
    html! {
        @for group in groups {
            @match group {
                [Block::Gap, ..] | [] => {},
                [Block::Paragraph(text), ..] => p { (inline(text)) },
                [Block::Item { marker, .. }, ..] => @if *marker == "-" {
                    ul { (items(group)) }
                } @else {
                    ol { (items(group)) }
                },
            }
        }
    }
}

fn items(group: &[Block<'_>]) -> Markup {
    html! {
        @for block in group {
            @if let Block::Item { text, .. } = block { li { (inline(text)) } }
        }
    }
}

fn inline(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
