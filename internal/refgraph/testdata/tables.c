// Remake tables.wasm (clang 14, lld 19):
//   clang --target=wasm32 -O1 -nostdlib -c tables.c -o tables.o
//   wasm-ld-19 --no-entry --export-dynamic tables.o -o tables.wasm
static const int table[]={1,2,3}; int g=5; static int helper(int x){return x*table[x&1]+g;}
__attribute__((noinline)) int other(int x){return helper(x)+g;}
typedef int(*fn)(int); fn fns[]={helper,other};
__attribute__((export_name("run"))) int run(int i){return fns[i](i);}
__attribute__((export_name("two"))) int two(int i){return other(i)+ *(int*)1024;}
int unused(int y){return y;}
