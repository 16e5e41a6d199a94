#include <cstdio>
#include <string>
#include <stdexcept>
#include <vector>
#include <memory>
struct Base { virtual ~Base(){} virtual int area() const = 0; };
struct A : Base { int area() const override { return puts("A"); } };
struct B : Base { std::string s="xyz"; int area() const override { return (int)s.size(); } };
struct MyErr : std::runtime_error { using runtime_error::runtime_error; };
static int unused_static(int x) __attribute__((used, noinline)); 
static int unused_static(int x){ return x+printf("never %d", x); }
static __attribute__((noinline)) int thrower(int x){ if(x>3) throw MyErr("boom"); return x; }
static __attribute__((noinline)) int catcher(int x){ try { return thrower(x);} catch(const MyErr&e){ return puts(e.what()); } catch(const std::out_of_range&){return 1;} }
int main(int argc,char**argv){ std::vector<std::unique_ptr<Base>> v; v.emplace_back(new A); v.emplace_back(new B); int s=0; for(auto&p:v)s+=p->area(); return s+catcher(argc); }
