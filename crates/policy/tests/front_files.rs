//! `write_front_files`: the files load, are deterministic, and match the returned summary.

use vsdpo_artifact::{Message, Role};
use vsdpo_policy::{Front, FrontSpec, write_front_files};

fn corpus() -> impl Iterator<Item = String> + Send {
    (0..300)
        .map(|i| format!("ax.plot([{i}, {}], label='series {i}')\nax.legend(loc='upper left')\n", i * 7 % 13))
}

const SPEC: FrontSpec = FrontSpec { vocab_size: 400, min_pixels: 4096, max_pixels: 65536 };

#[test]
fn written_files_load_and_compress_their_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let made = write_front_files(folder.path(), corpus(), SPEC).unwrap();
    let front = Front::load(folder.path()).unwrap();
    let tokenizer = front.tokenizer();
    assert!((281..=400).contains(&made.vocab_size), "{made:?}");
    assert_eq!(tokenizer.vocab_size(), made.vocab_size);
    assert_eq!(tokenizer.end_ids(), made.end_ids);
    assert_eq!(tokenizer.image_pad(), Some(made.tokens.image));
    assert_eq!(made.tokens.video as usize, made.vocab_size - 1, "special tokens come last");
    assert_eq!(tokenizer.id("<|im_end|>"), Some(made.end_ids[0]));
    let text: String = corpus().take(3).collect();
    let ids = tokenizer.encode(&text).unwrap();
    assert!(ids.len() * 2 < text.len(), "{} ids for {} bytes", ids.len(), text.len());
    assert_eq!(tokenizer.decode(&ids).0, text);
    let prompt = front.encode(&[Message::text(Role::User, "ü")]).unwrap().ids;
    let (start, end) = (tokenizer.id("<|im_start|>").unwrap(), made.end_ids[0]);
    let specials: Vec<u32> = prompt.into_iter().filter(|&id| id >= made.pad_id).collect();
    assert_eq!(specials, [start, end, start]);
}

#[test]
fn the_same_corpus_gives_the_same_bytes() {
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        write_front_files(folder.path(), corpus(), SPEC).unwrap();
        std::fs::read(folder.path().join("tokenizer.json")).unwrap()
    };
    assert!(make() == make(), "two runs wrote different files");
}

#[test]
fn a_vocabulary_smaller_than_the_byte_alphabet_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let spec = FrontSpec { vocab_size: 262, ..SPEC };
    let error = write_front_files(folder.path(), corpus(), spec).unwrap_err().to_string();
    assert!(error.contains("at least 263"), "{error}");
}
