import { openTicket } from "hms-oms-sdk";

const ticketId = await openTicket("DisasterLoan", { name: "Kim", amount: 80000 });
console.log(ticketId);
