-- Households that were poor or near-poor in the last accepted review of the sender's area, under the same standard, and
-- stand neither in this list nor in another sender's of this year: one finding for the whole report. The area is what
-- the sender reported then, or what lay in its communes of today: those of its district, or the commune itself and
-- those that became part of it as a whole. Codes of households are no names; at most so many are shown.
with reports as (
    select distinct
        b.submission_id,
        b.sender_code,
        b.period_end,
        b.standard_code
    from {batch} as b
),

communes as (
    select distinct
        reports.submission_id,
        reports.sender_code,
        reports.period_end,
        reports.standard_code,
        unnest(array[unit.code, successor.old_commune_code]) as commune_code
    from reports
    inner join reference.admin_unit as unit
        on
            unit.level = 'commune'
            and reports.sender_code in ('huyen-' || unit.parent_code, 'xa-' || unit.code)
            and reports.period_end >= coalesce(unit.valid_from, '-infinity')
            and reports.period_end <= coalesce(unit.valid_to, 'infinity')
    left join reference.admin_unit_successor as successor
        on
            reports.sender_code = 'xa-' || successor.new_commune_code
            and successor.how = 'whole'
),

earlier as (
    select
        reports.submission_id,
        reports.sender_code,
        reports.period_end as review_end,
        a.household_code,
        a.period_end,
        a.class_reported
    from reports
    inner join accepted.household_review as a
        on
            reports.sender_code = a.sender_code
            and reports.standard_code = a.standard_code
            and reports.period_end > a.period_end
    union
    select
        communes.submission_id,
        communes.sender_code,
        communes.period_end as review_end,
        a.household_code,
        a.period_end,
        a.class_reported
    from communes
    inner join accepted.household_review as a
        on
            communes.commune_code = a.commune_code
            and communes.standard_code = a.standard_code
            and communes.period_end > a.period_end
),

known as (
    select
        submission_id,
        sender_code,
        review_end,
        household_code,
        period_end,
        class_reported,
        max(period_end) over (partition by submission_id) as last_end
    from earlier
),

poor as (
    select
        submission_id,
        sender_code,
        review_end,
        household_code,
        period_end
    from known
    where
        period_end = last_end
        and class_reported in ('poor', 'near_poor')
),

-- Counted, not joined: the planner cannot tell how many households are poor, and would look for each in the whole list.
unexplained as (
    select
        submission_id,
        household_code,
        max(period_end) as period_end
    from (
        select
            poor.submission_id,
            poor.household_code,
            poor.period_end
        from poor
        union all
        select
            b.submission_id,
            b.household_code,
            null as period_end
        from {batch} as b
        union all
        select
            poor.submission_id,
            poor.household_code,
            null as period_end
        from poor
        inner join accepted.household_review as moved
            on
                poor.household_code = moved.household_code
                and poor.review_end = moved.period_end
                and poor.sender_code <> moved.sender_code
    ) as mentioned
    group by submission_id, household_code
    having count(period_end) = count(*)
)

select
    submission_id,
    null as sheet_name,
    null::integer as row_number,
    null as column_name,
    null as value,
    count(*) as count,
    extract(year from period_end)::integer as year,
    array_to_string((array_agg(household_code order by household_code))[1:20], ', ')
    || case when count(*) > 20 then ', …' else '' end as households
from unexplained
group by submission_id, period_end
