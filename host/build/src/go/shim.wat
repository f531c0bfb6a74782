;; What a Go filter meets in place of WASI: no files, no environment, the clock of the batch, chance from a seed.
;;
;; It is linked as `wasi_snapshot_preview1`, shares the filter's memory, and owns none: it never grows it, because Go's allocator
;; takes for granted that nobody else does. It imports one function, the last words of a guest that cannot go on. It must not
;; be called while the host has the filter allocate (`cabi_realloc`): the component model lets nobody out just then. Only an exit
;; calls it.
;;
;; Errors: 8 is EBADF, 52 is ENOSYS.
(module
  (import "tidegate:guest/failure@0.1.0" "fail" (func $fail (param i32 i32)))
  (import "env" "memory" (memory 0))

  ;; Nanoseconds since the Unix epoch: those of the batch at hand.
  (global $now (mut i64) (i64.const 0))
  ;; Nanoseconds since the start: a microsecond later each time somebody asks.
  (global $elapsed (mut i64) (i64.const 0))
  (global $seed (mut i64) (i64.const 0x1397a5c2e84b6df1))
  ;; Memory that the SDK lends for the beginning of what a call writes to stderr.
  (global $lent (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))
  (global $used (mut i32) (i32.const 0))
  ;; Go's runtime has begun to say why it gives up.
  (global $fatal (mut i32) (i32.const 0))

  ;; For the SDK alone. The first three are only there to be linked: the build reads off them what the filter is.
  (func (export "tidegate_filter"))
  (func (export "tidegate_transform"))
  (func (export "tidegate_matcher"))
  (func (export "tidegate_lend") (param $at i32) (param $size i32)
    (global.set $lent (local.get $at))
    (global.set $room (local.get $size)))
  (func (export "tidegate_begin") (param $now_ms i64)
    (global.set $now (i64.mul (local.get $now_ms) (i64.const 1000000)))
    (global.set $used (i32.const 0))
    (global.set $fatal (i32.const 0)))

  ;; Clock 0 is the time of day; all others count from the start.
  (func (export "clock_time_get") (param $id i32) (param $precision i64) (param $time i32) (result i32)
    (global.set $elapsed (i64.add (global.get $elapsed) (i64.const 1000)))
    (i64.store (local.get $time)
      (select (global.get $elapsed) (global.get $now) (local.get $id)))
    (i32.const 0))

  ;; Xorshift.
  (func (export "random_get") (param $at i32) (param $size i32) (result i32) (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $at) (local.get $end)))
      (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 13))))
      (global.set $seed (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 7))))
      (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 17))))
      (i64.store8 (local.get $at) (global.get $seed))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (i32.const 0))

  ;; A sleep ends at once, and its time has passed. A subscription has 48 bytes: its name at 0, at 8 what it waits for (0 a clock),
  ;; at 24 how long. An event has 32: the name at 0, then zeroes for a clock without an error.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $made i32) (result i32)
    (if (i32.load8_u offset=8 (local.get $in)) (then (return (i32.const 52))))
    (global.set $elapsed (i64.add (global.get $elapsed) (i64.load offset=24 (local.get $in))))
    (memory.fill (local.get $out) (i32.const 0) (i32.const 32))
    (i64.store (local.get $out) (i64.load (local.get $in)))
    (i32.store (local.get $made) (i32.const 1))
    (i32.const 0))
  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; Goes nowhere, but the beginning of stderr is kept: it may be last words. A piece has 8 bytes: where, how long.
  ;;
  ;; Where Go's runtime gives up (a deadlock, no more memory, a panic in a goroutine) it says so in one line, and then tells what each
  ;; goroutine did, for which its own stack is too small here: it would trap on the way. So the line is the end.
  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32) (local $size i32)
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $size (i32.load offset=4 (local.get $pieces)))
      (local.set $sum (i32.add (local.get $sum) (local.get $size)))
      (if (i32.eq (local.get $fd) (i32.const 2)) (then (call $said (i32.load (local.get $pieces)) (local.get $size))))
      (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))
  (func $said (param $at i32) (param $size i32)
    (if (call $gives_up (local.get $at) (local.get $size)) (then
      (global.set $fatal (i32.const 1))
      ;; Room for this line, whatever was there before.
      (if (i32.gt_u (global.get $used) (i32.const 256)) (then (global.set $used (i32.const 0))))))
    (call $keep (local.get $at) (local.get $size))
    (if (i32.and (global.get $fatal) (i32.eq (local.get $size) (i32.const 1))) (then
      (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x0a)) (then
        (call $last_words (i32.add (global.get $lent) (global.get $used))))))))
  ;; The runtime writes in pieces, of which the first is "fatal error: " or "panic: ", and the last the line's end.
  (func $gives_up (param $at i32) (param $size i32) (result i32)
    (if (i32.eq (local.get $size) (i32.const 13)) (then
      (return (i32.and
        (i64.eq (i64.load align=1 (local.get $at)) (i64.const 0x7265_206c_6174_6166))
        (i64.eq (i64.load offset=5 align=1 (local.get $at)) (i64.const 0x203a_726f_7272_6520))))))
    (if (i32.eq (local.get $size) (i32.const 7)) (then
      (return (i32.and
        (i32.eq (i32.load align=1 (local.get $at)) (i32.const 0x696e_6170))
        (i32.eq (i32.load offset=3 align=1 (local.get $at)) (i32.const 0x203a_6369))))))
    (i32.const 0))
  (func $keep (param $at i32) (param $size i32) (local $free i32)
    (local.set $free (i32.sub (global.get $room) (global.get $used)))
    (if (i32.gt_u (local.get $size) (local.get $free)) (then (local.set $size (local.get $free))))
    (memory.copy (i32.add (global.get $lent) (global.get $used)) (local.get $at) (local.get $size))
    (global.set $used (i32.add (global.get $used) (local.get $size))))

  ;; The end: what stands on stderr up to the first empty line (behind it Go lists what each goroutine did), else that it is the end.
  (func (export "proc_exit") (param $code i32) (local $at i32) (local $end i32)
    (if (i32.eqz (global.get $room)) (then unreachable))
    (if (i32.eqz (global.get $used)) (then
      (i64.store align=1 (global.get $lent) (i64.const 0x676f727020656874)) ;; "the prog"
      (i64.store offset=8 align=1 (global.get $lent) (i64.const 0x7469786520_6d6172)) ;; "ram exit"
      (i32.store16 offset=16 align=1 (global.get $lent) (i32.const 0x6465)) ;; "ed"
      (global.set $used (i32.const 18))))
    (local.set $at (global.get $lent))
    (local.set $end (i32.add (global.get $lent) (global.get $used)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (i32.add (local.get $at) (i32.const 1)) (local.get $end)))
      (br_if $done (i32.eq (i32.load16_u align=1 (local.get $at)) (i32.const 0x0a0a)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    ;; $at is at the empty line, or on the last byte.
    (if (i32.lt_u (i32.add (local.get $at) (i32.const 1)) (local.get $end))
      (then (local.set $end (local.get $at))))
    (call $last_words (local.get $end)))
  ;; Hands over what is kept up to there, without the line's end, and without a character that may have been cut.
  (func $last_words (param $end i32) (local $at i32)
    (if (i32.eqz (global.get $room)) (then unreachable))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $end) (global.get $lent)))
      (local.set $at (i32.load8_u (i32.sub (local.get $end) (i32.const 1))))
      (br_if $done (i32.and (i32.ne (local.get $at) (i32.const 0x0a)) (i32.lt_u (local.get $at) (i32.const 0x80))))
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (br $next)))
    (call $fail (global.get $lent) (i32.sub (local.get $end) (global.get $lent)))
    unreachable)

  ;; No arguments, no environment.
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))
  (func $none (export "args_sizes_get") (export "environ_sizes_get") (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.const 0))
    (i32.store (local.get 1) (i32.const 0))
    (i32.const 0))

  ;; No files and no sockets.
  (func (export "clock_res_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "proc_raise") (param i32) (result i32) (i32.const 8))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8)))
