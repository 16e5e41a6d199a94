package relink

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// catchingCrates are crates that catch panics for others, as small as they can
// be with the paths that the published ones have, and a program that uses each.
var catchingCrates = []struct{ crate, who, library, program string }{
	{"rayon_core", "rayon_core::", `
pub mod unwind {
    use std::{any::Any, panic::{self, AssertUnwindSafe}, thread};
    pub(crate) fn halt_unwinding<F, R>(func: F) -> thread::Result<R> where F: FnOnce() -> R { panic::catch_unwind(AssertUnwindSafe(func)) }
    pub fn resume_unwinding(payload: Box<dyn Any + Send>) -> ! { panic::resume_unwind(payload) }
}
pub mod job {
    use std::{any::Any, cell::UnsafeCell};
    pub enum JobResult<T> { None, Ok(T), Panic(Box<dyn Any + Send>) }
    pub trait Job { unsafe fn execute(this: *const ()); }
    pub struct StackJob<F, R> { func: UnsafeCell<Option<F>>, result: UnsafeCell<JobResult<R>> }
    impl<F, R> StackJob<F, R> where F: FnOnce() -> R {
        pub fn new(func: F) -> Self { StackJob { func: UnsafeCell::new(Some(func)), result: UnsafeCell::new(JobResult::None) } }
        pub fn into_result(self) -> R {
            match self.result.into_inner() { JobResult::None => unreachable!(), JobResult::Ok(r) => r, JobResult::Panic(p) => crate::unwind::resume_unwinding(p) }
        }
    }
    impl<F, R> Job for StackJob<F, R> where F: FnOnce() -> R {
        unsafe fn execute(this: *const ()) {
            let this = &*(this as *const Self);
            let func = (*this.func.get()).take().unwrap();
            *this.result.get() = match crate::unwind::halt_unwinding(func) { Ok(r) => JobResult::Ok(r), Err(p) => JobResult::Panic(p) };
        }
    }
}
pub struct JobRef { pointer: *const (), execute: unsafe fn(*const ()) }
unsafe impl Send for JobRef {}
pub fn join<F: FnOnce() -> R + Send, R: Send>(func: F) -> R {
    use job::{Job, StackJob};
    let job = StackJob::new(func);
    let r = JobRef { pointer: &job as *const _ as *const (), execute: <StackJob<F, R> as Job>::execute };
    std::thread::scope(|s| { s.spawn(move || { let r = r; unsafe { (r.execute)(r.pointer) } }); });
    job.into_result()
}
`, `fn main() { let n = std::env::args().count(); println!("{}", rayon_core::join(move || { assert!(n > 5); n })) }`},
	{"tokio", "tokio::runtime::task::", `
pub mod runtime { pub mod task {
    use std::{any::Any, future::Future, panic::{self, AssertUnwindSafe}, pin::Pin, task::{Context, Poll, Waker}};
    pub struct JoinError(Box<dyn Any + Send>);
    impl JoinError { pub fn is_panic(&self) -> bool { true } pub fn into_panic(self) -> Box<dyn Any + Send> { self.0 } }
    pub mod harness {
        use super::*;
        pub(crate) fn poll_future<T: Future>(core: Pin<&mut T>, cx: &mut Context<'_>) -> Poll<Result<T::Output, JoinError>> {
            match panic::catch_unwind(AssertUnwindSafe(|| core.poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(v)) => Poll::Ready(Ok(v)),
                Err(p) => Poll::Ready(Err(JoinError(p))),
            }
        }
    }
    pub mod raw {
        use super::*;
        pub struct Vtable<T> { pub(crate) poll: unsafe fn(*mut (), *mut Poll<Result<T, JoinError>>) }
        pub(crate) unsafe fn poll<T: Future>(ptr: *mut (), out: *mut Poll<Result<T::Output, JoinError>>) {
            *out = harness::poll_future(Pin::new_unchecked(&mut *(ptr as *mut T)), &mut Context::from_waker(Waker::noop()));
        }
    }
    #[inline(never)]
    pub fn block_on<T: Future>(mut f: T) -> Result<T::Output, JoinError> {
        let table = raw::Vtable::<T::Output> { poll: raw::poll::<T> };
        loop {
            let mut out = Poll::Pending;
            unsafe { (std::hint::black_box(&table).poll)(&mut f as *mut T as *mut (), &mut out) }
            if let Poll::Ready(r) = out { return r }
        }
    }
} }
`, `fn main() {
    let n = std::env::args().count();
    match tokio::runtime::task::block_on(async move { assert!(n > 5); n }) { Ok(n) => println!("{n}"), Err(e) => println!("a task panicked: {}", e.is_panic()) }
}`},
}

// TestRuntimeCatch: a crate that catches panics for others is named, not the
// program that hands it a closure, whatever the optimiser and the mangling.
func TestRuntimeCatch(t *testing.T) {
	needCompilers(t)
	for _, c := range catchingCrates {
		for _, p := range []profile{
			{"plain", []string{"-O"}},
			{"v0", []string{"-O", "-Csymbol-mangling-version=v0"}},
			{"fat LTO", []string{"-Copt-level=z", "-Clto=fat", "-Ccodegen-units=1"}},
		} {
			t.Run(c.crate+" "+p.name, func(t *testing.T) {
				dir := t.TempDir()
				library, program := filepath.Join(dir, c.crate+".rs"), filepath.Join(dir, "evidence.rs")
				for path, text := range map[string]string{library: c.library, program: c.program} {
					if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				args := slices.DeleteFunc(slices.Clone(p.args), func(a string) bool { return a == "-Clto=fat" })
				cmd := exec.Command(compilers()[0].path, append([]string{"--edition", "2021", "--crate-type", "lib", "--crate-name", c.crate, "--out-dir", dir, library}, args...)...)
				if said, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, said)
				}
				r := recordRust(t, compilers()[0], program, filepath.Join(dir, "evidence"), "", append(slices.Clone(p.args), "--extern", c.crate+"="+filepath.Join(dir, "lib"+c.crate+".rlib")))
				found, err := r.Evidence()
				if err != nil {
					t.Fatal(err)
				}
				ok := false
				for _, e := range found {
					ok = ok || e.Kind == RuntimeCatch && e.Crate == c.crate && strings.HasPrefix(strings.TrimPrefix(e.Function, "<"), c.who)
					if slices.Contains([]Kind{CatchUnwind, JoinedPanic, PanicHook, ForeignUnwind}, e.Kind) {
						t.Errorf("a false alarm: %+v", e)
					}
				}
				if !ok {
					t.Errorf("no runtime-catch of %s in %+v", c.crate, found)
				}
			})
		}
	}
}
