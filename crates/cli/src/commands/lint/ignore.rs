//! `# vsdpo: ignore[rule, ...]`, in pages `<!-- vsdpo: ignore[rule, ...] -->`: a comment within the
//! lines of a statement silences the findings of that statement.

use super::known;
use crate::commands::input::File;
use crate::terminal;
use vsdpo_artifact::Defect;
use vsdpo_credit::comments;
use vsdpo_report::Checked;

/// One such comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    line: usize,
    /// The silenced rules; empty means all.
    rules: Vec<&'static str>,
}

/// The comments of a file that silence rules. Prints a warning for a rule that does not exist.
pub fn ignores(file: &File) -> Vec<Ignore> {
    let mut found = Vec::new();
    for (line, text) in comments(file.source.language, &file.source.text) {
        let Some(names) = asked(text) else { continue };
        match known(&names) {
            Ok(rules) => found.push(Ignore { line, rules }),
            Err(e) => {
                terminal::remark(&format!("warning: {}:{line}: {e:#}", terminal::clean_line(&file.name)))
            }
        }
    }
    found
}

/// The rules that a comment names; `None` for any other comment.
fn asked(comment: &str) -> Option<Vec<String>> {
    let inner = comment.strip_prefix("<!--").map_or(comment, |c| c.strip_suffix("-->").unwrap_or(c));
    let rest = inner.trim_start_matches('#').trim_start().strip_prefix("vsdpo:")?;
    let rest = rest.trim_start().strip_prefix("ignore")?;
    let Some(list) = rest.trim_start().strip_prefix('[') else {
        return rest.chars().next().is_none_or(char::is_whitespace).then(Vec::new);
    };
    let (names, _) = list.split_once(']')?;
    Some(names.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect())
}

/// Whether a statement at fault has a comment that silences the rule of the finding.
pub fn silenced(ignores: &[Ignore], defect: &Defect, checked: &Checked) -> bool {
    let named = |ignore: &&Ignore| ignore.rules.is_empty() || ignore.rules.contains(&defect.rule);
    let blamed = checked.blamed(defect);
    ignores
        .iter()
        .filter(named)
        .any(|ignore| blamed.iter().any(|s| (s.statement.line..=s.statement.end_line).contains(&ignore.line)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vsdpo_artifact::{Domain, Source};

    #[test]
    fn comments_name_rules_or_all() {
        let names = |text| asked(text);
        assert_eq!(names("# vsdpo: ignore"), Some(vec![]));
        assert_eq!(
            names("#vsdpo:ignore[tiny-text, chart/text-overlap]"),
            Some(vec!["tiny-text".into(), "chart/text-overlap".into()])
        );
        assert_eq!(names("# vsdpo: ignore  because it is small"), Some(vec![]));
        assert_eq!(names("# vsdpo: ignored"), None);
        assert_eq!(names("# see vsdpo: ignore"), None);
        assert_eq!(names("# vsdpo: ignore[a"), None);
        assert_eq!(names("<!-- vsdpo: ignore[overlap] -->"), Some(vec!["overlap".into()]));
        assert_eq!(names("<!--vsdpo: ignore-->"), Some(vec![]));
        let of = |domain: Domain, text: &str| {
            let source = Source::new(text, domain.default_language());
            ignores(&File::new("x".into(), domain, source))
        };
        let found = of(Domain::Chart, "a = '# vsdpo: ignore'\nb(1)  # vsdpo: ignore[text-overlap]\n");
        assert_eq!(found, [Ignore { line: 2, rules: vec!["chart/text-overlap"] }]);
        let found = of(Domain::Web, "<p>\n<!-- vsdpo: ignore[tiny-text] -->");
        assert_eq!(
            found,
            [Ignore { line: 2, rules: vec!["chart/tiny-text", "web/tiny-text", "slide/tiny-text"] }]
        );
    }
}
