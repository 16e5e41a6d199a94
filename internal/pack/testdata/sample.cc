// A C++ program: exceptions, constructors of statics, thread_local, RTTI.
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Base { virtual ~Base() = default; virtual std::string name() const { return "base"; } };
struct Derived : Base { std::string name() const override { return "derived"; } };

static std::map<std::string, int> table{ { "alpha", 1 }, { "beta", 2 } };
thread_local int local = 42;

int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		std::cout << argv[i] << '\n';
	try {
		std::vector<int>(3).at(argc + 10) = 1;
	} catch (const std::out_of_range &) {
		std::cout << "caught out_of_range\n";
	}
	int told = 0;
	std::thread([&] { told = ++local; }).join();
	const Base &b = Derived();
	std::cout << b.name() << ' ' << (dynamic_cast<const Derived *>(&b) != nullptr) << ' ' << table["beta"] << ' ' << told << ' ' << local << std::endl;
	if (argc > 1 && std::string(argv[1]) == "maps")
		std::cerr << std::ifstream("/proc/self/maps").rdbuf();
	return 3;
}
