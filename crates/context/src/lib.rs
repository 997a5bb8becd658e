//! The two contexts of one policy (paper section 2.2, equations 1 and 2): what the student is
//! asked, and what the same weights see when they re-score the student's tokens as the teacher.
//!
//! Both are one user turn. The teacher's turn begins with exactly the student's content, so that
//! the two differ by the feedback alone. The student's own code is not quoted: it is what gets
//! re-scored. Not done here: fitting into the context window. The error text is cut to a budget; a
//! prompt that is still too long is for the trainer to drop and to count, never to cut.
//!
//! ```
//! use vsdpo_artifact::{Content, Domain, Language, Task};
//! let mut task = Task::unspecified(Domain::Chart, Language::Python);
//! task.prompt = "Draw a line.".into();
//! let turn = vsdpo_context::student_prompt(&task);
//! assert_eq!(turn[0].content, [Content::Text("Draw a line.".into())]);
//! ```

use vsdpo_artifact::{Content, ExecError, Message, Outcome, Page, Role, Task};

/// Names the next picture as an attempt. Without it a teacher can take the render for the target.
const RENDER: &str = "\n\nThe next picture is the render of a previous attempt and may contain defects:\n";
/// Pages of a render that the teacher sees at most.
const MAX_PAGES: usize = 8;
const ERROR: &str = "\n\nA previous attempt failed with this error:\n";
const REPORT: &str = "Report on the previous attempt:\n";
const REFERENCE: &str = "\n\nThis is a reference solution:\n";
const INSTRUCTION: &str = "Write a corrected solution.";

/// Lines of an error text that the teacher sees at most.
const ERROR_LINES: usize = 8;
/// Characters of one line of an error text that the teacher sees at most.
const ERROR_COLUMNS: usize = 160;

/// v: the privileged context of one rollout.
#[derive(Clone, Copy, Debug)]
pub enum Feedback<'a> {
    /// The code ran: its pages, and the rubric as compact JSON.
    Render {
        /// The pages that the rollout's code drew.
        pages: &'a [Page],
        /// The rubric, as written by `vsdpo_diagnose::rubric_json`.
        rubric_json: &'a str,
    },
    /// The code failed: the error text, whatever the channels.
    Failure {
        /// Why there is no render.
        error: &'a ExecError,
    },
    /// The reference code (the OPSD baseline).
    Reference {
        /// A known good answer to the task.
        code: &'a str,
    },
}

impl<'a> Feedback<'a> {
    /// The feedback on an outcome; `rubric_json` is read only if the code ran.
    pub fn on(outcome: &'a Outcome, rubric_json: &'a str) -> Self {
        match outcome {
            Outcome::Rendered(rendered) => Feedback::Render { pages: &rendered.pages, rubric_json },
            Outcome::Failed { error } => Feedback::Failure { error },
        }
    }
}

/// Which parts of the feedback on a render the teacher sees (the channel ablation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// The picture.
    pub image: bool,
    /// The rubric.
    pub rubric: bool,
}

/// Eq. (1): p_S(y_t) = pi_theta(y_t | x, y_<t). The prompt x: the task's pictures, then its text.
pub fn student_prompt(task: &Task) -> Vec<Message> {
    vec![Message { role: Role::User, content: task_content(task) }]
}

/// Eq. (2): p_T(y_t) = pi_theta(y_t | x, v, y_<t). The prompt x, then the feedback v on the
/// rollout, then the instruction to do better.
///
/// # Reading of the paper
/// The paper fixes what v holds (render and rubric, or the error text), not its wording or place.
/// We take the place and order of self-distillation code in use: the last user turn, after the
/// original content. `distill.channels` switches the parts of v; the error text is always there.
pub fn teacher_prompt(task: &Task, feedback: &Feedback, channels: Channels) -> Vec<Message> {
    let mut content = task_content(task);
    match *feedback {
        Feedback::Render { pages, rubric_json } => {
            if channels.image {
                push_text(&mut content, &render_text(pages.len()));
                content.extend(pages.iter().take(MAX_PAGES).map(|page| Content::Image(page.image.clone())));
            }
            if channels.rubric {
                let gap = if channels.image { "\n" } else { "\n\n" };
                push_text(&mut content, &format!("{gap}{REPORT}{rubric_json}"));
            }
        }
        Feedback::Failure { error } => push_text(&mut content, &format!("{ERROR}{}", error_text(error))),
        Feedback::Reference { code } => push_text(&mut content, &format!("{REFERENCE}{}", code.trim_end())),
    }
    push_text(&mut content, &format!("\n{INSTRUCTION}"));
    vec![Message { role: Role::User, content }]
}

/// The words before the pictures of a render with so many pages.
fn render_text(pages: usize) -> String {
    if pages == 1 {
        return RENDER.to_owned();
    }
    let shown = pages.min(MAX_PAGES);
    let first =
        if pages > shown { format!("first {shown} of the {pages} pages") } else { "pages".to_owned() };
    format!(
        "\n\nThe next {shown} pictures are the {first} of a previous attempt's render and may contain defects:\n"
    )
}

/// The content of x: pictures before the text, as tasks define it.
fn task_content(task: &Task) -> Vec<Content> {
    let images = task.images.iter().cloned().map(Content::Image);
    images.chain([Content::Text(task.prompt.clone())]).collect()
}

/// Appends to the last text, or begins a new one after a picture.
fn push_text(content: &mut Vec<Content>, more: &str) {
    match content.last_mut() {
        Some(Content::Text(text)) => text.push_str(more),
        _ => content.push(Content::Text(more.to_owned())),
    }
}

/// The error as text: the user's frames, then the message. Where it is too long, the first and the
/// last lines stay, because the first says where and the last says what.
fn error_text(error: &ExecError) -> String {
    let frames = error.traceback.trim_end();
    let mut lines: Vec<&str> = frames.lines().collect();
    if !frames.ends_with(error.message.trim()) {
        lines.extend(error.message.trim().lines());
    }
    let head = ERROR_LINES / 2;
    let tail = ERROR_LINES - head - 1;
    if lines.len() > ERROR_LINES {
        lines.splice(head..lines.len() - tail, ["..."]);
    }
    let cut = |line: &&str| line.chars().take(ERROR_COLUMNS).collect::<String>();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vsdpo_artifact::{Domain, FailureKind, Image, Language};

    fn image() -> Image {
        Image { width: 1, height: 1, rgba: vec![9; 4].into() }
    }

    fn task(images: Vec<Image>) -> Task {
        let prompt = "Draw a line.".to_owned();
        Task { prompt, images, ..Task::unspecified(Domain::Chart, Language::Python) }
    }

    /// The turn with `<img>` for pictures.
    fn flat(messages: &[Message]) -> String {
        assert_eq!(messages.len(), 1);
        let part = |c: &Content| match c {
            Content::Text(t) => t.clone(),
            Content::Image(_) => "<img>".to_owned(),
        };
        messages[0].content.iter().map(part).collect()
    }

    fn failed(message: &str, traceback: &str) -> ExecError {
        let (message, traceback) = (message.to_owned(), traceback.to_owned());
        ExecError { kind: FailureKind::Exception, message, traceback, span: None, help: None }
    }

    #[test]
    fn teacher_turn_is_the_student_turn_plus_feedback() {
        let (task, page) = (task(vec![image()]), Page::from(image()));
        let student = flat(&student_prompt(&task));
        assert_eq!(student, "<img>Draw a line.");
        let feedback = Feedback::Render { pages: &[page], rubric_json: "{\"a\":1}" };
        let check = |image, rubric, want: &str| {
            let got = flat(&teacher_prompt(&task, &feedback, Channels { image, rubric }));
            assert_eq!(got.strip_prefix(&student), Some(want));
        };
        let render =
            "\n\nThe next picture is the render of a previous attempt and may contain defects:\n<img>";
        let report = "Report on the previous attempt:\n{\"a\":1}\n";
        check(true, true, &format!("{render}\n{report}Write a corrected solution."));
        check(true, false, &format!("{render}\nWrite a corrected solution."));
        check(false, true, &format!("\n\n{report}Write a corrected solution."));
        check(false, false, "\nWrite a corrected solution.");
    }

    #[test]
    fn the_image_channel_shows_up_to_eight_pages_and_counts_the_rest() {
        let channels = Channels { image: true, rubric: false };
        let turn = |n: usize| {
            let pages = vec![Page::from(image()); n];
            flat(&teacher_prompt(
                &task(vec![]),
                &Feedback::Render { pages: &pages, rubric_json: "" },
                channels,
            ))
        };
        let (three, eleven) = (turn(3), turn(11));
        assert!(
            three.contains("The next 3 pictures are the pages of a previous attempt's render"),
            "{three}"
        );
        assert!(
            eleven.contains("The next 8 pictures are the first 8 of the 11 pages of a previous"),
            "{eleven}"
        );
        assert_eq!([&three, &eleven].map(|turn| turn.matches("<img>").count()), [3, 8]);
    }

    #[test]
    fn failures_and_references_do_not_depend_on_channels() {
        let task = task(vec![]);
        let none = Channels { image: false, rubric: false };
        let error = failed("NameError: name 'x' is not defined", "line 2\n  x");
        let got = flat(&teacher_prompt(&task, &Feedback::Failure { error: &error }, none));
        assert_eq!(
            got,
            "Draw a line.\n\nA previous attempt failed with this error:\nline 2\n  x\n\
             NameError: name 'x' is not defined\nWrite a corrected solution."
        );
        let got = flat(&teacher_prompt(&task, &Feedback::Reference { code: "plot()\n" }, none));
        assert_eq!(got, "Draw a line.\n\nThis is a reference solution:\nplot()\nWrite a corrected solution.");
    }

    #[test]
    fn long_errors_keep_their_first_and_last_lines() {
        let frames: Vec<String> = (1..=20).map(|i| format!("frame {i}")).collect();
        let text = error_text(&failed(&"e".repeat(1000), &frames.join("\n")));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..5], ["frame 1", "frame 2", "frame 3", "frame 4", "..."]);
        assert_eq!(lines[5..7], ["frame 19", "frame 20"]);
        assert_eq!((lines.len(), lines[7].len()), (8, ERROR_COLUMNS));
        assert_eq!(error_text(&failed("E: no", "f\nE: no\n")), "f\nE: no", "the message is not repeated");
    }
}
