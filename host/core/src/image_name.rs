//! Names of images: the grammar of the OCI distribution specification, with an optional registry, tag and digest.

/// Whether `name` is one. Such a name has no `..`, no empty part and nothing to encode.
#[must_use]
pub fn is_image_name(name: &str) -> bool {
    if name.is_empty() || name.len() > 255 {
        return false;
    }
    let (name, digest) = match name.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (name, None),
    };
    let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(hex)) {
        return false;
    }
    // `sha256:<id>`, as engines print an image without a name.
    if name.strip_prefix("sha256:").is_some_and(hex) {
        return digest.is_none();
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    let Some(last) = parts.pop() else { return false };
    let (last, tag) = match last.split_once(':') {
        Some((last, tag)) => (last, Some(tag)),
        None => (last, None),
    };
    let is_tag = |tag: &str| {
        tag.len() <= 128
            && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if tag.is_some_and(|tag| !is_tag(tag)) || !is_component(last) {
        return false;
    }
    parts
        .iter()
        .enumerate()
        .all(|(index, part)| is_component(part) || (index == 0 && is_registry(part)))
}

/// Whether a name says which of several images it means: by a tag, a digest or an id. Engines list images by such names.
#[must_use]
pub fn is_exact(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.contains('@') || last.contains(':')
}

/// Lower-case letters and digits, with single separators between: `.`, `_`, `__` or hyphens.
fn is_component(part: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(first), Some(last)) = (part.bytes().next(), part.bytes().last()) else {
        return false;
    };
    inner(first) && inner(last) && part.bytes().all(|byte| inner(byte) || b"._-".contains(&byte)) && !part.contains("..")
}

/// A host with an optional port.
fn is_registry(part: &str) -> bool {
    let (host, port) = match part.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (part, None),
    };
    let is_port = |port: &str| !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    port.is_none_or(is_port)
        && !host.contains("..")
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_may_mean_many_images() {
        for exact in ["a:1", "localhost:5000/a:1", "a@sha256:0", "h:1/a/b:c"] {
            assert!(is_exact(exact), "{exact}");
        }
        for vague in ["a", "localhost:5000/a", "h:1/a/b", ""] {
            assert!(!is_exact(vague), "{vague}");
        }
    }

    #[test]
    fn names_follow_the_grammar() {
        let id = format!("sha256:{}", "0a".repeat(32));
        for good in [
            "a",
            "gatewright/terminal:dev",
            "localhost:5000/a/b__c:1.2-x",
            "ghcr.io/a/b",
            id.as_str(),
            &format!("a/b@{id}"),
            "a:X_1",
        ] {
            assert!(is_image_name(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "A/b/C",
            "..",
            "a/../b",
            "a..b",
            "-a",
            "a:",
            "a:-",
            "a@sha256:1",
            "a@b",
            "a b",
            "a%2fb",
            "sha256:",
            "a:b:c",
            "a?b",
            "é",
        ] {
            assert!(!is_image_name(bad), "{bad}");
        }
    }
}
