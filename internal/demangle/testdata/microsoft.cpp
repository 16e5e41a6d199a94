// What C++ has that Microsoft's names tell apart.
typedef unsigned long long size_t;
void *operator new(size_t);
void operator delete(void *, size_t);
namespace outer { namespace inner {
enum Colour { red, green };
enum class Wide : char { a };
struct Plain { int x; };
union Either { int i; float f; };
class Base {
public:
  Base(int); Base(const Base &); virtual ~Base();
  virtual int virt(const Plain &) const;
  static int count; static Base *make(Colour, Wide, Either);
  Base &operator=(const Base &); bool operator==(const Base &) const; int operator[](size_t) const; void operator()(int, ...);
  operator int() const; operator const char *(); Base *operator->(); Base operator+(const Base &); Base &operator++(); bool operator!();
  void ref() &; void rref() &&; void vol() volatile; void both() const volatile;
protected: void prot(int *, int **, const int *, int *const, volatile int *);
private: void priv(int (&)[3], int (*)[2][4], const int (&)[5]);
};
int Base::count = 1;
Base::Base(int) {} Base::Base(const Base &) {} Base::~Base() {}
int Base::virt(const Plain &) const { return 1; }
Base *Base::make(Colour, Wide, Either) { return new Base(1); }
Base &Base::operator=(const Base &) { return *this; } bool Base::operator==(const Base &) const { return true; }
int Base::operator[](size_t) const { return 1; } void Base::operator()(int, ...) {}
Base::operator int() const { return 1; } Base::operator const char *() { return "text of a name"; }
Base *Base::operator->() { return this; } Base Base::operator+(const Base &b) { return b; } Base &Base::operator++() { return *this; } bool Base::operator!() { return false; }
void Base::ref() & {} void Base::rref() && {} void Base::vol() volatile {} void Base::both() const volatile {}
void Base::prot(int *, int **, const int *, int *const, volatile int *) {}
void Base::priv(int (&)[3], int (*)[2][4], const int (&)[5]) {}
struct Other { virtual void other(); }; void Other::other() {}
struct Derived : Base, Other { Derived(); int virt(const Plain &) const override; void other() override; };
Derived::Derived() : Base(1) {} int Derived::virt(const Plain &) const { return 2; } void Derived::other() {}
template <class T> T twice(T t) { return t + t; }
template <class T, int N> struct Array { T items[N]; T &at(int i) { return items[i]; } template <class U> U as() { return U(); } };
template <class... Ts> int many(Ts...) { return sizeof...(Ts); }
template <int *P> int at() { return *P; }
template <bool B, long long L> int constant() { return L; }
template <template <class, int> class C> int container() { return sizeof(C<int, 2>); }
int target; static int hidden = 3;
} }
using namespace outer::inner;
int basic(bool, char, signed char, unsigned char, short, unsigned short, int, unsigned, long, unsigned long, long long, unsigned long long, float, double, long double, wchar_t, char16_t, char32_t, char8_t) { return 1; }
int functions(int (*)(int), void (*)(), int (Base::*)(const Plain &) const, int Plain::*, int (&)(char)) { return 1; }
int again(Plain, Plain *, Plain, Plain *, Base &, Base &, const Base &&, decltype(nullptr)) { return 1; }
namespace { int unseen(Plain) { return hidden; } struct Local { int m(); }; int Local::m() { return 2; } }
int use(int n) {
  static int counter = n; struct Inner { int f(int) { return 1; } }; auto lambda = [n](int k) { return n + k; };
  Array<int, 4> a{}; Array<Array<char, 2>, 3> b{}; Local l; const wchar_t *w = L"wide";
  return twice(1) + twice(2.5) + a.at(1) + b.at(1).at(0) + a.as<long>() + many(1, 'a', Plain{}) + many() + at<&target>() + constant<true, -5>() + constant<false, 1000>() + container<Array>()
    + unseen(Plain{}) + l.m() + Inner().f(1) + lambda(2) + counter + w[0];
}
extern int (*pointer)(int); int (*pointer)(int) = 0; const Plain constant_plain = {1}; const Plain *const *take = 0; int *array[3][2];
int operator""_suffix(unsigned long long) { return 1; }
Derived global; thread_local Derived each;
void *raw(const void *, volatile void *, const volatile char *) { return 0; }
