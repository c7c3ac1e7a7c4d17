//! Dropout from Rust: a hidden layer (relu, then dropout) in pieces, one for each thread.
//!
//! No library is linked and no crate is needed: Python passes the address of the table that
//! `dropcore.h` declares. The fields of `Table` have the order of the header.

#[repr(C)]
pub struct Draw {
    key: [u32; 8],
    index: u64,
}

#[repr(C)]
pub struct Path {
    hash: [u64; 8],
    block: [u8; 128],
    length: u64,
}

type Unused = usize; // the address of a function that is not called here

/// The table of `dropcore.h`, up to the last field that this file needs.
#[repr(C)]
pub struct Table {
    abi: u32,
    size: u32,
    stream_version: u32,
    reserved: u32,
    path_of_integer: unsafe extern "C" fn(u64, *mut Path),
    path_of_bytes: Unused,
    path_add_integer: unsafe extern "C" fn(*mut Path, u64),
    path_add_text: unsafe extern "C" fn(*mut Path, *const u8, isize),
    draw_at: unsafe extern "C" fn(*const Path, u64, *mut Draw),
    set_index: Unused,
    keep_bits: Unused,
    words: Unused,
    scale: Unused,
    layout_of: Unused,
    layout_decisions: Unused,
    layout_scratch: Unused,
    forward_float32:
        unsafe extern "C" fn(*const Draw, f64, u64, isize, *const f32, *mut f32, *mut u8),
}

const ABI: u32 = 1;
const PIECE: usize = 8192; // for every p, a group of cipher blocks ends at each multiple

impl Table {
    /// The draw of `Stream(seed, (name,)).at(step)`.
    fn draw(&self, seed: u64, name: &str, step: u64) -> Draw {
        let mut path = Path { hash: [0; 8], block: [0; 128], length: 0 };
        let mut draw = Draw { key: [0; 8], index: 0 };
        unsafe {
            (self.path_of_integer)(seed, &mut path);
            (self.path_add_text)(&mut path, name.as_ptr(), name.len() as isize);
            (self.draw_at)(&path, step, &mut draw);
        }
        draw
    }

    /// Dropout in place; x[0] has the index `start` in the whole mask.
    fn drop_in_place(&self, draw: &Draw, p: f64, start: usize, x: &mut [f32]) {
        let (n, y) = (x.len() as isize, x.as_mut_ptr());
        unsafe { (self.forward_float32)(draw, p, start as u64, n, y, y, std::ptr::null_mut()) }
    }
}

/// relu and dropout of `n` floats, in place, on `threads` threads. Returns 0, or 1 if the installed
/// dropcore has another interface, or 2 if p is no probability.
///
/// # Safety
/// `table` is the table of an imported dropcore, and `x` has `n` floats.
#[no_mangle]
pub unsafe extern "C" fn hidden_layer(
    table: *const Table, seed: u64, step: u64, p: f64, threads: usize, x: *mut f32, n: usize,
) -> i32 {
    let table = &*table;
    if table.abi != ABI || (table.size as usize) < std::mem::size_of::<Table>() {
        return 1;
    }
    if !(0.0..=1.0).contains(&p) {
        return 2;
    }
    if n == 0 {
        return 0; // x may be NULL, and Rust makes no slice of NULL
    }
    let x = std::slice::from_raw_parts_mut(x, n);
    let draw = table.draw(seed, "hidden", step);
    let length = n.div_ceil(threads.max(1)).next_multiple_of(PIECE);
    std::thread::scope(|scope| {
        for (i, piece) in x.chunks_mut(length).enumerate() {
            let draw = &draw;
            scope.spawn(move || {
                piece.iter_mut().for_each(|value| *value = value.max(0.0));
                table.drop_in_place(draw, p, i * length, piece);
            });
        }
    });
    0
}
