import tseslint from "typescript-eslint";

export default tseslint.config(
  // What runs in the browser or in a thread is plain JavaScript; the tests run it there.
  { ignores: ["public/", "browser/", "dist/", "src/*.js", "build.js", "eslint.config.js"] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Numbers in messages are meant.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  {
    files: ["test/**"],
    // node:test keeps track of its own promises.
    rules: { "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [{ from: "package", name: ["test", "it", "describe", "suite", "before", "after"], package: "node:test" }] }] },
  },
);
