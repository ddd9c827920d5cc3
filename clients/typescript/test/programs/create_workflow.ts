import { createWorkflow } from "hms-oms-sdk";

await createWorkflow({
  name: "DisasterLoan",
  stages: [
    { id: "id_check", owner: "IRS_Bot", slaMins: 5 },
    { id: "risk_ai", owner: "RiskAI", slaMins: 15, dependsOn: ["id_check"] },
    { id: "underwrite", owner: "SBA_Team", slaMins: 240, dependsOn: ["risk_ai"], minAmount: 50000 },
    { id: "fund", owner: "Treasury_Bot", slaMins: 60, dependsOn: ["underwrite"] },
  ],
});
