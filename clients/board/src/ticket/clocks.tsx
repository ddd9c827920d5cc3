/** How the clocks of a ticket and of its stages came to what they show. */
import type { FC } from "hono/jsx";
import { lengthOf, words } from "../format.js";
import { Said, Table, Time } from "../ui.js";
import { folded } from "./data.js";
import type { View } from "./view.js";

export const ClockPart: FC<{ view: View }> = ({ view: { facts, clocks, asked, times } }) => (
  <section data-part="clock" aria-labelledby="clock-head">
    <h2 id="clock-head" tabindex={-1}>
      Clocks
    </h2>
    {clocks.every((x) => x.segments.length === 0) ? <p>No clock has run here.</p> : null}
    {clocks.map(({ stage, segments }) =>
      segments.length === 0 ? null : (
        <Table caption={stage === null ? "The clock of the whole ticket" : `The clock of ${words(stage.label)}`} class="segments cards" head={["From", "To", "Elapsed time", "So far", "Why"]} right={[2, 3]}>
          <tbody>
            {segments.map((s) => (
              <tr>
                <td data-label="From">
                  <Time at={s.starts} times={times} />
                </td>
                <td data-label="To">
                  <Time at={s.ends} times={times} />
                </td>
                <td class="right" data-label="Elapsed time">{lengthOf(s.open_time)}</td>
                <td class="right" data-label="So far">{lengthOf(s.consumed)}</td>
                <td data-label="Why">
                  <bdi><Said of={folded(times.within(s.reason))} /></bdi>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ),
    )}
    {asked === undefined ? null : (
      <p>
        <a href={`/tickets/${encodeURIComponent(facts.ticket.ticket_id)}#clock-head`}>Clocks of the ticket and its open stages</a>
      </p>
    )}
  </section>
);
