//! Texts for HTML, SVG and scripts; numbers for people.

use serde_json::Value;

/// Text for HTML and SVG, inside elements and quoted attributes. XML has no place for control characters.
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

/// At most some characters of a text.
#[must_use]
pub fn short(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some(_) => text.chars().take(chars.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// JSON for the inside of a script element: nothing in it can end the element or begin a comment.
pub(super) fn script_json(value: &Value) -> String {
    let escapes =
        [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];
    escapes.into_iter().fold(value.to_string(), |json, (c, escape)| json.replace(c, escape))
}

/// Puts values into the `{{slots}}` of a page. Values are not looked into, so that a label cannot open a slot.
pub(super) fn fill<'a>(page: &str, value: impl Fn(&str) -> &'a str) -> String {
    let mut parts = page.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (slot, text) = part.split_once("}}").unwrap_or((part, ""));
        filled.push_str(value(slot));
        filled.push_str(text);
    }
    filled
}

/// A number with some significant digits; the zero before a point counts as one.
pub(super) fn number(value: f32, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        // Not `-0`.
        return if value == 0.0 { "0".to_owned() } else { value.to_string() };
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return scientific;
    }
    let before_point = usize::try_from(exponent + 1).unwrap_or(0).max(1);
    let zeros_after_point = usize::try_from(-exponent - 1).unwrap_or(0);
    format!("{value:.*}", digits.saturating_sub(before_point) + zeros_after_point)
}

/// A mean effect and its standard error, where there is one.
pub(super) fn effect(effect: f32, stderr: f32) -> String {
    let error = if stderr.is_nan() { String::new() } else { format!(" ± {}", number(stderr, 3)) };
    number(effect, 4) + &error
}

/// A 95 % interval, where there is one.
pub(super) fn interval(low: f32, high: f32) -> String {
    if low.is_nan() || high.is_nan() { String::new() } else { format!("[{}, {}]", number(low, 3), number(high, 3)) }
}

/// A share of a whole in percent.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(super) fn percent(part: usize, whole: usize) -> String {
    format!("{:.0} %", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_become_text() {
        assert_eq!(html("a\u{1b}[0m\nb"), "a\u{fffd}[0m\nb");
        assert_eq!(html("</script><b>&'\""), "&lt;/script&gt;&lt;b&gt;&amp;&#39;&quot;");
    }

    #[test]
    fn json_cannot_end_its_script_element() {
        let value = json!({"label": "</script><!--&\u{2028}"});
        let text = script_json(&value);
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("still JSON"), value);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short("élan", 4), "élan");
        assert_eq!(short("élans", 4), "éla…");
        assert_eq!(short("ab", 0), "…");
    }

    #[test]
    fn values_are_not_looked_into() {
        let value = |slot: &str| if slot == "a" { "{{b}}" } else { "B" };
        assert_eq!(fill("x{{a}}y{{b}}z", value), "x{{b}}yBz");
    }

    #[test]
    fn numbers_keep_their_significant_digits() {
        let cases = [
            (1.23456, "1.235"),
            (-12.3456, "-12.35"),
            (0.812_345, "0.812"),
            (0.012_345, "0.0123"),
            (9.99996, "10.00"),
            (123_456.0, "123456"),
            (0.000_012_345, "1.234e-5"),
            (-0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value, 4), text);
        }
        assert_eq!(number(f32::INFINITY, 4), "inf");
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        assert_eq!(effect(-1.5, 0.25), "-1.500 ± 0.25");
        assert_eq!(effect(-1.5, f32::NAN), "-1.500");
        assert_eq!(interval(-3.51, -3.158), "[-3.51, -3.16]");
        assert_eq!(interval(f32::NAN, f32::NAN), "");
    }
}
