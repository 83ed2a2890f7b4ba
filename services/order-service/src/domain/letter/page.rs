//! The words of a mail, as plain text and as HTML.
//!
//! The page needs no picture, style sheet or script. It names no colour, so that a dark mode turns all of it or
//! nothing, and what is a heading, a table or a link is marked up as one, for those who listen to it.

use std::fmt::Write as _;

use super::Letter;

/// What is in a mail, in its order. Takes what others wrote: nothing of it begins a line or becomes markup.
pub(super) struct Words {
    subject: String,
    sentences: Vec<String>,
    link: Option<String>,
    rows: Vec<(String, String)>,
    close: String,
}

impl Words {
    /// Words under this subject, which is all ours.
    pub(super) const fn new(subject: String) -> Self {
        Self {
            subject,
            sentences: Vec::new(),
            link: None,
            rows: Vec::new(),
            close: String::new(),
        }
    }

    /// A paragraph more.
    pub(super) fn say(mut self, sentence: &str) -> Self {
        self.sentences.push(one_line(sentence));
        self
    }

    /// Where to look, after the paragraphs: an address that is encoded.
    pub(super) fn link(mut self, url: String) -> Self {
        self.link = Some(url);
        self
    }

    /// A row more of the bill.
    pub(super) fn row(&mut self, what: &str, cost: String) {
        self.rows.push((one_line(what), cost));
    }

    /// The last line.
    pub(super) fn close(&mut self, sentence: String) {
        self.close = sentence;
    }

    /// The mail.
    pub(super) fn letter(self) -> Letter {
        Letter {
            text: self.text(),
            html: self.html(),
            subject: self.subject,
        }
    }

    fn text(&self) -> String {
        let mut text = self.sentences.join("\n");
        text.push('\n');
        // Writing to a string cannot fail, here and below.
        if let Some(link) = &self.link {
            let _ = writeln!(text, "{link}");
        }
        text.push('\n');
        for (what, cost) in &self.rows {
            let _ = writeln!(text, "  {what}: {cost}");
        }
        let _ = writeln!(text, "\n{}", self.close);
        text
    }

    fn html(&self) -> String {
        let subject = escaped(&self.subject);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{subject}</title>\n</head>\n\
             <body style=\"margin:0;padding:24px;font:16px/1.5 sans-serif\">\n\
             <main style=\"max-width:600px;margin:0 auto\">\n<h1 style=\"font-size:20px\">{subject}</h1>\n"
        );
        for sentence in &self.sentences {
            let _ = writeln!(html, "<p dir=\"auto\">{}</p>", escaped(sentence));
        }
        if let Some(link) = self.link.as_deref().map(escaped) {
            let _ = writeln!(html, "<p><a href=\"{link}\">{link}</a></p>");
        }
        html.push_str(
            "<table style=\"width:100%;border-collapse:collapse\">\n\
             <thead><tr><th scope=\"col\" style=\"text-align:left\">What</th>\
             <th scope=\"col\" style=\"text-align:right\">Amount</th></tr></thead>\n<tbody>\n",
        );
        for (what, cost) in &self.rows {
            let _ = writeln!(
                html,
                "<tr><th scope=\"row\" dir=\"auto\" style=\"padding:4px 0;text-align:left;font-weight:normal\">{}</th>\
                 <td style=\"padding:4px 0;text-align:right;white-space:nowrap\">{}</td></tr>",
                escaped(what),
                escaped(cost)
            );
        }
        let _ = write!(
            html,
            "</tbody>\n</table>\n<p>{}</p>\n</main>\n</body>\n</html>\n",
            escaped(&self.close)
        );
        html
    }
}

/// What somebody else wrote, without anything that would begin a line of its own or turn the direction of writing.
fn one_line(text: &str) -> String {
    let breaks = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// Text as HTML shows it, in an element or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // ORD-13: whatever a product or a carrier is called.
        #[test]
        fn no_words_add_a_line_to_the_text_or_an_element_to_the_page(what in any::<String>()) {
            let mail = |what: &str| {
                let mut words = Words::new("Order SK-1".to_owned()).say(what);
                words.row(what, "1.00 USD".to_owned());
                words.close("This is about order SK-1.".to_owned());
                words.letter()
            };
            let (plain, hostile) = (mail("mug"), mail(&what));
            prop_assert_eq!(plain.text.lines().count(), hostile.text.lines().count());
            for mark in ['<', '>', '"', '\n'] {
                prop_assert_eq!(plain.html.matches(mark).count(), hostile.html.matches(mark).count());
            }
        }
    }
}
