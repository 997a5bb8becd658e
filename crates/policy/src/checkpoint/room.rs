//! Whether a model fits the memory, decided before its weights are read: an error that names a way
//! out is better than a process that the system kills.

use crate::{Dtype, PolicyError};
use std::path::Path;

/// Bytes that a model needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Weights that are copied into memory.
    pub owned: u64,
    /// Weights that stay pages of their files.
    pub mapped: u64,
}

/// What the choice of a number format would change.
pub(super) struct Choice {
    /// The format that was asked for.
    pub dtype: Option<Dtype>,
    /// As asked for.
    pub needs: Needs,
    /// With frozen matrices in bf16.
    pub half: Needs,
    /// What the caller needs besides.
    pub beside: u64,
}

impl Needs {
    fn total(self) -> u64 {
        self.owned + self.mapped
    }
}

/// Returns an error if the weights and what the caller needs besides exceed the `free` bytes.
/// Mapped pages count: without them in memory every token would read them from the disk.
pub(super) fn check(dir: &Path, choice: &Choice, free: Option<u64>) -> Result<(), PolicyError> {
    let Some(free) = free else { return Ok(()) };
    let whole = choice.needs.total() + choice.beside;
    if whole <= free {
        return Ok(());
    }
    let (half, gb) = (choice.half.total() + choice.beside, |bytes: u64| bytes as f64 / 1e9);
    let format = match choice.dtype {
        Some(Dtype::F32) => " in f32",
        Some(Dtype::Bf16) => " in bf16",
        None => "",
    };
    let mut message = format!("the weights{format} need {:.1} GB", gb(choice.needs.total()));
    if choice.beside > 0 {
        message += &format!(" and caches and gradients {:.1} GB", gb(choice.beside));
    }
    message += &format!(", but {:.1} GB of memory are free; help: ", gb(free));
    message += &if half < whole && half <= free {
        format!("store frozen weights as bf16 (`--dtype bf16`, or dtype in [policy]): {:.1} GB", gb(half))
    } else if choice.needs.total() <= free && choice.beside > 0 {
        "sample fewer rows or shorter answers (max_rows, max_completion_tokens, cache_dtype = \"bf16\")"
            .into()
    } else {
        format!("free memory, or take a smaller model; in bf16 it would need {:.1} GB", gb(half))
    };
    Err(PolicyError::Memory { path: dir.into(), message })
}

/// Bytes that this process may still take: what the system calls available, and what the limits of
/// its control groups leave. `None` if the system does not say.
pub fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let system = kilobytes(&text, "MemAvailable:")? * 1024;
    Some(group().map_or(system, |group| group.min(system)))
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What the memory limit of the process's control group leaves, pages of files not counted as used.
fn group() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut least: Option<u64> = None;
    let mut left = |limit: &Path, usage: &Path, stat: &Path| {
        let number = |path: &Path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let (Some(limit), Some(usage)) = (number(limit), number(usage)) else { return };
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        let cached = ["inactive_file ", "active_file ", "total_inactive_file ", "total_active_file "];
        let file = |key: &str| stat.lines().find_map(|l| l.strip_prefix(key)?.trim().parse::<u64>().ok());
        let cached: u64 = match stat.contains("total_inactive_file ") {
            true => cached[2..].iter().filter_map(|k| file(k)).sum(),
            false => cached[..2].iter().filter_map(|k| file(k)).sum(),
        };
        let free = limit.saturating_sub(usage.saturating_sub(cached));
        least = Some(least.map_or(free, |l| l.min(free)));
    };
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, files) = match controllers {
            "" => ("/sys/fs/cgroup", ["memory.max", "memory.current"]),
            c if c.split(',').any(|c| c == "memory") => {
                ("/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes"])
            }
            _ => continue,
        };
        // A limit of any parent holds as well; in a container the path may lie outside its view,
        // and the root is then the group itself.
        let own = Path::new(root).join(path.trim_start_matches('/'));
        for folder in own.ancestors().take_while(|f| f.starts_with(root)) {
            left(&folder.join(files[0]), &folder.join(files[1]), &folder.join("memory.stat"));
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(dtype: Option<Dtype>, owned: u64, half: u64, beside: u64) -> Choice {
        let needs = Needs { owned, mapped: 0 };
        Choice { dtype, needs, half: Needs { owned: 0, mapped: half }, beside }
    }

    #[test]
    fn a_model_that_does_not_fit_is_refused_with_what_would() {
        let dir = Path::new("m");
        let message = |c: &Choice, free: u64| check(dir, c, Some(free)).err().map(|e| e.to_string());
        let gb = 1_000_000_000;
        let f32 = choice(Some(Dtype::F32), 8 * gb, 4 * gb, gb);
        assert_eq!(message(&f32, 9 * gb), None);
        assert_eq!(
            message(&f32, 6 * gb).unwrap(),
            "m: the weights in f32 need 8.0 GB and caches and gradients 1.0 GB, but 6.0 GB of memory are free; \
             help: store frozen weights as bf16 (`--dtype bf16`, or dtype in [policy]): 5.0 GB"
        );
        let small = message(&f32, 2 * gb).unwrap();
        assert!(
            small.ends_with("free memory, or take a smaller model; in bf16 it would need 5.0 GB"),
            "{small}"
        );
        let half = choice(None, 4 * gb, 4 * gb, 3 * gb);
        let rows = message(&half, 5 * gb).unwrap();
        assert!(rows.contains("help: sample fewer rows or shorter answers"), "{rows}");
        assert!(check(dir, &half, None).is_ok(), "without figures nothing is refused");
    }

    #[test]
    fn the_free_memory_is_that_of_this_machine() {
        let text = "MemTotal:       24028816 kB\nMemAvailable:   23000000 kB\n";
        assert_eq!(kilobytes(text, "MemAvailable:"), Some(23_000_000));
        if Path::new("/proc/meminfo").exists() {
            assert!(free_memory().is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
