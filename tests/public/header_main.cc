// The main of the header test, which is passed once it compiles and links.
int main() { return 0; }
