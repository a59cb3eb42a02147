//! What `serve` prints when it is up: where to go and how to log in.

use std::fmt::Write as _;

/// What goes into the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The address to open.
    pub address: String,
    /// The passwords made at the first start, by login name; empty once they were changed or the file was removed.
    pub passwords: Vec<(String, String)>,
    /// The fingerprint of our own certificate authority; none with the operator's certificate.
    pub authority: Option<Authority>,
    /// Whether dropped plugins become active at once.
    pub dev_folder: Option<String>,
}

/// Our own certificate authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// SHA-256 of its certificate.
    pub fingerprint: String,
    /// Where its certificate lies, to be imported into a browser.
    pub certificate_file: String,
}

impl Welcome {
    /// The box, with a line end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![
            "Gatewright is running".to_owned(),
            String::new(),
            format!("Open      {}", self.address),
        ];
        for (index, (name, password)) in self.passwords.iter().enumerate() {
            let label = if index == 0 { "Log in" } else { "" };
            lines.push(format!("{label:<9} {name:<6} {password}"));
        }
        if self.passwords.is_empty() {
            lines.push("Log in    with the passwords that were set".to_owned());
        }
        if let Some(authority) = &self.authority {
            lines.push(String::new());
            lines.push("The certificate comes from this installation's own authority:".to_owned());
            lines.push(format!("          {}", authority.certificate_file));
            // In two halves: the box stays narrower than 80 columns.
            let (first, second) = authority.fingerprint.split_at(authority.fingerprint.len() / 2);
            lines.push(format!("SHA-256   {}", first.trim_matches(':')));
            lines.push(format!("          {}", second.trim_matches(':')));
        }
        if let Some(folder) = &self.dev_folder {
            lines.push(String::new());
            lines.push(format!("Plugins put into {folder} become active at once (--dev)"));
        }
        lines.push(String::new());
        lines.push("Ctrl+C stops it. Open sessions go on at the next start.".to_owned());
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let mut text = format!("┌{}┐\n", "─".repeat(width + 4));
        for line in lines {
            // Writing to a String can't fail.
            let _ = writeln!(text, "│  {line:<width$}  │");
        }
        let _ = writeln!(text, "└{}┘", "─".repeat(width + 4));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_is_closed_on_all_sides() {
        let welcome = Welcome {
            address: "https://localhost:8443".into(),
            passwords: vec![("admin".into(), "abc".into()), ("demo".into(), "défg".into())],
            authority: Some(Authority {
                fingerprint: "AB:".repeat(31) + "AB",
                certificate_file: "/x/ca.pem".into(),
            }),
            dev_folder: None,
        };
        let text = welcome.text();
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| Some(width) == widths.first()), "{text}");
        assert!(
            text.contains("Open      https://localhost:8443") && text.contains("demo   défg"),
            "{text}"
        );
    }
}
