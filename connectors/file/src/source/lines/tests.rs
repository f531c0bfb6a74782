//! The reader against a model, over texts and limits of all kinds; and that chunks are used again.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// What a reader found: lines, and the lengths of those too long, each with offset, line number and the position behind it.
type Seen = Vec<(Result<Vec<u8>, u64>, u64, u64)>;

/// What should be found, by the definition of a line.
fn model(text: &[u8], line_bytes_max: usize) -> Seen {
    let mut seen = Vec::new();
    let (mut offset, mut number) = (0, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        number += 1;
        let whole = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = whole.strip_suffix(b"\r").unwrap_or(whole);
        if whole.len() > line_bytes_max {
            seen.push((Err(whole.len() as u64), offset, number));
        } else if !bare.is_empty() {
            seen.push((Ok(bare.to_vec()), offset, number));
        }
        offset += line.len() as u64;
    }
    seen
}

fn file(text: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text).unwrap();
    file
}

fn reader(chunk_bytes: usize, line_bytes_max: usize) -> Reader {
    let mut reader = Reader { chunk_bytes, ..Reader::new(line_bytes_max) };
    reader.seek(Position { file: 1, offset: 0, line: 1 });
    reader
}

/// Reads to the end; checks that positions behind lines are where the next begins.
fn read(reader: &mut Reader, file: &File) -> Seen {
    let mut seen = Vec::new();
    loop {
        let start = reader.position();
        while let Some(lines) = reader.split() {
            let mut too_long = lines.too_long.iter().peekable();
            for index in 0..=lines.ranges.len() {
                while let Some(long) = too_long.next_if(|long| long.before == index) {
                    assert!(long.head.len() <= MALFORMED_BYTES);
                    seen.push((Err(long.bytes), long.at.offset, long.at.line));
                }
                if let Some(range) = lines.ranges.get(index) {
                    let offset = lines.chunk_offset + range.start as u64;
                    let behind = lines.behind[index];
                    assert!(behind.offset >= start.offset + range.len() as u64);
                    seen.push((Ok(lines.chunk[range.clone()].to_vec()), offset, behind.line - 1));
                }
            }
            assert_eq!(lines.end, reader.position());
        }
        match reader.fill(file).unwrap() {
            Filled::More => {}
            Filled::End if reader.finish() => {}
            Filled::End => return seen,
        }
    }
}

/// Lines on either side of a limit of 16 bytes, with and without what ends them.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-z]{0,12}\n".prop_map(String::into_bytes),
        2 => "[a-z]{1,12}\r\n".prop_map(String::into_bytes),
        1 => "\n{1,4}".prop_map(String::into_bytes),
        1 => "[a-z]{17,90}\n".prop_map(String::into_bytes),
        1 => "[a-z]{0,40}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn lines_are_those_of_the_text_whatever_the_chunk(text in text(), chunk in 1..64usize) {
        let file = file(&text);
        prop_assert_eq!(read(&mut reader(chunk, 16), &file), model(&text, 16));
    }

    #[test]
    fn reading_goes_on_from_any_line(text in text(), chunk in 1..64usize, from in any::<prop::sample::Index>()) {
        let all = model(&text, 16);
        prop_assume!(!all.is_empty());
        let rest = &all[from.index(all.len())..];
        let mut reader = reader(chunk, 16);
        let file = file(&text);
        read(&mut reader, &file);
        reader.seek(Position { file: 1, offset: rest[0].1, line: rest[0].2 });
        prop_assert_eq!(&read(&mut reader, &file)[..], rest);
    }

    #[test]
    fn a_text_that_grows_is_read_as_one_that_was_there(text in text(), chunk in 1..64usize, cut in any::<prop::sample::Index>()) {
        // Cut at a line break, where a follower waits.
        let cut = text[..cut.index(text.len() + 1)].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut file = file(&text[..cut]);
        let mut reader = reader(chunk, 16);
        let mut seen = read(&mut reader, &file);
        file.write_all(&text[cut..]).unwrap();
        seen.extend(read(&mut reader, &file));
        prop_assert_eq!(seen, model(&text, 16));
    }
}

#[test]
fn batches_are_bounded() {
    let text: Vec<u8> = b"0123456789\n".repeat(3 * LANE_BATCH_EVENTS);
    let (file, mut reader) = (file(&text), reader(CHUNK_BYTES, 1 << 20));
    let mut lengths = Vec::new();
    loop {
        while let Some(lines) = reader.split() {
            lengths.push(lines.ranges.len());
        }
        if reader.fill(&file).unwrap() == Filled::End {
            break;
        }
    }
    assert_eq!(lengths, [LANE_BATCH_EVENTS; 3]);
    // Lines of 3 MiB: one a batch, for two would be too large.
    let long = [vec![b'x'; 3 << 20], vec![b'\n']].concat().repeat(3);
    let mut reader = reader_of(&long);
    assert!(reader.iter().all(|count| *count == 1), "{reader:?}");
    reader.truncate(3);
    assert_eq!(reader, [1, 1, 1]);
}

fn reader_of(text: &[u8]) -> Vec<usize> {
    let (file, mut reader) = (file(text), reader(CHUNK_BYTES, 16 << 20));
    let mut lengths = Vec::new();
    while reader.fill(&file).unwrap() == Filled::More {
        while let Some(lines) = reader.split() {
            lengths.push(lines.ranges.len());
        }
    }
    lengths
}

#[test]
fn chunks_are_used_again_once_nothing_points_into_them() {
    let line = [vec![b'x'; 1023], vec![b'\n']].concat();
    let (file, mut reader) = (file(&line.repeat(2048)), reader(CHUNK_BYTES, 1 << 20));
    let mut places = std::collections::BTreeSet::new();
    while reader.fill(&file).unwrap() == Filled::More {
        while let Some(lines) = reader.split() {
            places.insert(lines.chunk.as_ptr() as usize);
        }
    }
    assert!(places.len() <= 2, "8 chunks were read into {} buffers", places.len());
}

#[test]
fn little_read_at_a_time_does_not_hold_much_memory() {
    let mut file = file(b"");
    let mut reader = reader(CHUNK_BYTES, 1 << 20);
    for _ in 0..3 {
        file.write_all(b"line\n").unwrap();
        assert_eq!(reader.fill(&file).unwrap(), Filled::More);
        let lines = reader.split().unwrap();
        assert!(lines.chunk.try_into_mut().is_ok_and(|chunk| chunk.capacity() < 1024), "a whole chunk for one line");
    }
}
