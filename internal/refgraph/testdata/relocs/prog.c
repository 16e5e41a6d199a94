#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const char *const words[] = {"alpha","beta","gamma","delta"};
int table[600] = {1,2,3};
__attribute__((noinline)) int leaf(int x){ return x*3 + (int)strlen(words[x&3]); }
__attribute__((noinline)) int f(int x){ char b[64]; snprintf(b,64,"%d:%s",leaf(x),words[x&3]); return b[0]+table[x&511]; }
__attribute__((noinline)) int unused_root(int x){ return f(x)+atoi("12"); }
int (*ptrs[])(int)={leaf};
__attribute__((noinline)) int sw(int x){ switch(x){case 0:return f(1);case 1:return leaf(2);case 2: return puts("two");case 3:return puts("three");case 4:return abs(x);case 5:return 77;case 6:return puts("six");default:return 3;} }
int main(int argc,char**argv){ return f(argc)+ptrs[0](argc)+sw(argc)+argv[0][0]; }
