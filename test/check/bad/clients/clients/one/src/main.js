console.log("no types");
